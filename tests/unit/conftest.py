"""What several of these tests need: a bundle that runs without a runtime."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

MakeBundle = Callable[..., Path]


def _make(folder: Path, **changes: Any) -> Path:
    from edgeyolo.device.bundle import MANIFEST, Bundle
    from edgeyolo.files import write_json

    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(bytes(range(256)))
    values: dict[str, Any] = {
        "root": folder,
        "name": "w0.125-d0.33",
        "precision": "fp32",
        "names": ("cat", "dog"),
        "height": 64,
        "width": 96,
        "strides": (8, 16, 32),
        "reg_max": 16,
        "engines": {"null": {"model": "model.bin"}},
    }
    bundle = Bundle(**{**values, **changes})
    write_json(folder / MANIFEST, bundle.to_manifest())
    return folder


@pytest.fixture(scope="session")
def make_bundle() -> MakeBundle:
    """Write a bundle for the null engine to a new folder; keywords change its fields."""
    return _make


@pytest.fixture(scope="session")
def null_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound bundle for the null engine; not to be damaged."""
    return _make(tmp_path_factory.mktemp("bundle") / "null")


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB."""
    mount = tmp_path / "disk"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(mount)]
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("mounting needs root")
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed")
    yield mount
    subprocess.run(["umount", "-l", str(mount)], check=True)


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Empty working folder, no settings from outside; the user's folder is ``user``."""
    for key in [key for key in os.environ if key.startswith("EDGEYOLO_")]:
        monkeypatch.delenv(key)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("EDGEYOLO_CONFIG_DIR", str(tmp_path / "user"))
    return work
