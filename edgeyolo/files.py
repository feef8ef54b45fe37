"""Files are written whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from edgeyolo.errors import EdgeyoloError

_CANNOT_WRITE = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENOTEMPTY,  # somebody else wrote the same folder meanwhile
    errno.ENAMETOOLONG,
    errno.EIO,
}


def write_text(path: Path, text: str) -> None:
    """Write a text file whole."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file through a temporary neighbor, so that a reader never sees half of it."""
    with fail_clearly(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
            Path(name).chmod(0o644)  # mkstemp's 0600 would hide the file from other users
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def write_json(path: Path, value: object) -> None:
    """Write JSON whole; NaN is refused because no other reader takes it."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON; a file that is not JSON raises ``ValueError``."""
    return json.loads(path.read_text(encoding="utf-8"))


@contextmanager
def new_folder(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """Fill a temporary neighbor of ``path`` and rename it at the end.

    A failure or a kill leaves nothing at ``path``; with ``replace`` an older folder stays until
    the new one is complete.
    """
    with fail_clearly(path):
        is_new = not path.parent.exists()
        path.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
        try:
            yield work
            work.chmod(0o755)
            if replace and path.exists():
                # Out of the way first: a kill must not leave half of the older one.
                aside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
                path.replace(aside)
                try:
                    work.replace(path)
                except OSError:
                    aside.replace(path)
                    raise
                shutil.rmtree(aside)
            else:
                work.replace(path)
        except BaseException:
            shutil.rmtree(work, ignore_errors=True)
            if is_new:
                with suppress(OSError):  # somebody else may have put something there
                    path.parent.rmdir()
            raise


@contextmanager
def fail_clearly(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` while writing (disk full, read-only folder) into one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno not in _CANNOT_WRITE:
            raise
        reason = (error.strerror or str(error)).lower()
        raise EdgeyoloError(
            f"Cannot write {path}: {reason}.",
            "Free some space or choose another folder, then run the command again.",
        ) from error


def sha256(path: Path) -> str:
    """Hex digest of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for piece in iter(lambda: stream.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()
