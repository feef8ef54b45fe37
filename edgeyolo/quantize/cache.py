"""What calibrations found, kept on disk, so that one that is interrupted or repeated goes on."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from edgeyolo.device.bundle import Bundle
from edgeyolo.files import write_bytes
from edgeyolo.versions import installed

_VERSION = 4  # of what is kept
_KEPT = 20  # calibrations, of some 20 MB for YOLOv8n


class Cache:
    """Arrays of one calibration on disk, found by what they depend on."""

    def __init__(
        self,
        folder: Path | None,
        bundle: Bundle,
        engine: str,
        images: Sequence[Path],
        probed: Sequence[Path],
    ) -> None:
        facts = [str(_VERSION), engine, *installed((engine, "nncf")).values()]
        facts += [f"{bundle.height}x{bundle.width}", str(len(images)), str(len(probed))]
        digest = hashlib.sha256("\n".join(facts).encode())
        for role in bundle.engines[engine]:
            digest.update(bundle.file(engine, role).read_bytes())
        for path in (*images, *probed):
            digest.update(path.read_bytes())
        self._folder = folder / digest.hexdigest()[:16] if folder else None
        if self._folder and self._folder.is_dir():
            os.utime(self._folder)  # it is in use
        if folder and folder.is_dir():
            _forget_oldest(folder)

    def load(self, name: str) -> dict[str, Any] | None:
        """Arrays by name, or ``None`` when there are none, or the file is damaged."""
        path = self._folder / f"{name}.npz" if self._folder else None
        if path is None or not path.is_file():
            return None
        try:
            with np.load(path) as stored:
                return dict(stored)
        except (OSError, EOFError, ValueError, zipfile.BadZipFile):
            return None

    def save(self, name: str, arrays: dict[str, Any]) -> None:
        """Write whole or not at all."""
        if self._folder:
            buffer = io.BytesIO()
            np.savez(buffer, **arrays)
            write_bytes(self._folder / f"{name}.npz", buffer.getvalue())


def _forget_oldest(folder: Path) -> None:
    """Bound what is kept; another process that uses one of them writes its files again."""
    with suppress(FileNotFoundError):  # another process may do the same
        found = [path for path in folder.iterdir() if (path / "statistics.npz").is_file()]
        found.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        for path in found[_KEPT:]:
            shutil.rmtree(path, ignore_errors=True)
