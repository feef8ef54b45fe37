"""Programs that tests start beside us."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def program(name: str) -> str:
    """Path of a program; without it the test skips, or fails where programs are required."""
    # Debian keeps servers where only root looks.
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        if os.environ.get("EDGEYOLO_REQUIRE_PROGRAMS") == "1":
            pytest.fail(f"there is no {name}")
        pytest.skip(f"there is no {name}")
    return found


def certificate(folder: Path) -> tuple[Path, Path]:
    """Key and certificate of ``localhost``, signed by nobody else."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    make = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost")
    named = ("-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert)
    subprocess.run([program("openssl"), *make, *named], check=True, capture_output=True)
    return key, cert
