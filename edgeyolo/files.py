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
from itertools import count
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
    errno.EFBIG,  # a limit of the process, or 4 GB on a FAT card
}
# Where the place itself has gone: a stick that was pulled out, a server that is away.
_GONE = {errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ETIMEDOUT}
NO_ROOM = {None, errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def write_text(path: Path, text: str) -> None:
    """Write a text file whole."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file through a temporary neighbor, so that a reader never sees half of it."""
    with fail_clearly(path, or_gone=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())  # else a loss of power may leave it empty
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
def fail_clearly(path: Path, *, or_gone: bool = False) -> Iterator[None]:
    """Turn an ``OSError`` while writing (disk full, read-only folder) into one sentence.

    With ``or_gone`` also one that says that the place is not there, where nothing else is opened.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _CANNOT_WRITE and not (or_gone and error.errno in _GONE):
            raise
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError, more: str = "") -> EdgeyoloError:
    """The sentence for any ``OSError`` while writing, and what to do about it."""
    reason = (error.strerror or str(error)).lower()
    hint = "Choose another name or folder, or mend this one, then run the command again."
    if error.errno in NO_ROOM:
        hint = "Free some space or choose another folder, then run the command again."
    return EdgeyoloError(f"Cannot write {path}: {reason}{more}.", hint)


def free_name(path: Path) -> Path:
    """``clip.1.mp4`` for ``clip.mp4``, or the next number that is free."""
    names = (path.with_name(f"{path.stem}.{number}{path.suffix}") for number in count(1))
    return next(name for name in names if not name.exists())


def sha256(path: Path) -> str:
    """Hex digest of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for piece in iter(lambda: stream.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()
