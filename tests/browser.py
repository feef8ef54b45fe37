"""A page in a real browser, where there is one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_browser = pytest.mark.skipif(_CHROMIUM is None, reason="no Chromium")


def shown(page: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What a page, written into ``folder``, becomes (stdout) and what the console says (stderr)."""
    path = folder / "report.html"
    path.write_text(page, encoding="utf-8")
    assert _CHROMIUM is not None
    return subprocess.run(
        [
            *(_CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *("--disable-quic", f"--user-data-dir={folder / 'profile'}"),
            *("--enable-logging=stderr", "--dump-dom", path.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
