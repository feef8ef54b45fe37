"""Official YOLOv8 checkpoints: fetched, checked and kept in the user's cache.

``EDGEYOLO_FETCH_URL`` names another place to get them from: the address of a folder that holds
the files under their official names. A proxy is taken from ``https_proxy``, as usual.
"""

from __future__ import annotations

import os
import re
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from difflib import SequenceMatcher
from http.client import HTTPException, HTTPResponse, responses
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from edgeyolo import __version__
from edgeyolo.errors import ConfigError, EdgeyoloError, UsageError
from edgeyolo.files import fail_clearly, sha256
from edgeyolo.flow.weights import weights_folder

NAMES = ("yolov8n", "yolov8s", "yolov8m", "yolov8l", "yolov8x")
# Only what was seen and measured is listed; a digest copied from elsewhere would prove nothing.
SHA256 = {"yolov8n.pt": "31e20dde3def09e2cf938c7be6fe23d9150bbbe503982af13345706515f2ef95"}

OFFICIAL = "https://github.com/ultralytics/assets/releases/download/v8.4.0"
VARIABLE = "EDGEYOLO_FETCH_URL"

_TIMEOUT = 30.0  # seconds without a byte
_PIECE = 1 << 18
_CLOSED = "the server closed the connection"
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")

Progress = Callable[[int, int], None]  # bytes there, bytes in all (0 where nobody knows)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A checkpoint in the cache."""

    path: Path
    sha256: str
    bytes: int

    @property
    def verified(self) -> bool:
        """It is the official file, byte for byte."""
        return self.sha256 == SHA256.get(self.path.name)

    @property
    def damaged(self) -> bool:
        """It is known to be another file than the official one."""
        return self.path.name in SHA256 and not self.verified


def file_name(name: str) -> str:
    """File of a checkpoint named with or without ``.pt``.

    Raises:
        UsageError: when there is no such checkpoint; it names the nearest one.
    """
    stem = name.removesuffix(".pt")
    if stem in NAMES:
        return f"{stem}.pt"
    near = max(NAMES, key=lambda known: SequenceMatcher(None, stem.lower(), known).ratio())
    raise UsageError(
        f"There is no checkpoint {name!r} to fetch; the nearest name is {near}.",
        f"Choose one of {', '.join(NAMES)}.",
    )


def base_url() -> str:
    """Address of the folder that the checkpoints come from.

    Raises:
        ConfigError: when ``EDGEYOLO_FETCH_URL`` is not an address.
    """
    base = os.environ.get(VARIABLE) or OFFICIAL
    if not base.startswith(("http://", "https://")):  # urllib would open file:// as well
        raise ConfigError(
            f"{VARIABLE} is {base!r}, which is not an http or https address.",
            "Give the address of the folder, such as https://mirror.example/weights",
        )
    return base.rstrip("/")


def stored(file: str) -> Fetched | None:
    """What the cache holds under this name."""
    path = weights_folder() / file
    return Fetched(path, sha256(path), path.stat().st_size) if path.is_file() else None


def download(file: str, progress: Progress | None = None) -> Fetched:
    """Get a file into the cache, from where a broken transfer stopped; an older file is replaced.

    Raises:
        EdgeyoloError: when it does not arrive whole or is not the official file; what was in
            the cache before stays.
    """
    url, target = f"{base_url()}/{file}", weights_folder() / file
    part = target.with_name(f"{file}.part")
    with fail_clearly(part):
        part.parent.mkdir(parents=True, exist_ok=True)
    try:
        _receive(url, part, progress or (lambda done, total: None))
        digest = _checked(part, file, url)
        with fail_clearly(target):
            part.replace(target)
    except FileNotFoundError as error:  # a second fetch has renamed or removed the same part
        raise EdgeyoloError(
            f"{part} has vanished while it was being written.",
            "Wait for any other fetch of this file to end, then run the command again.",
        ) from error
    return Fetched(target, digest, target.stat().st_size)


def _checked(part: Path, file: str, url: str) -> str:
    """Digest of the part; what is not the file, or not whole if that is unknown, is removed."""
    digest, known = sha256(part), SHA256.get(file)
    if digest == known or (known is None and _is_whole_archive(part)):
        return digest
    part.unlink()
    fault = f"has the sha256 {digest} instead of {known}" if known else "is not a whole checkpoint"
    raise EdgeyoloError(
        f"What came from {url} {fault}; nothing was stored.",
        f"Run the command again; if that does not help, name another source in {VARIABLE}.",
    )


def _is_whole_archive(path: Path) -> bool:
    """Tell a checkpoint, a ZIP with a CRC per member, from a login page or a mix of two files."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError):
        return False


@dataclass(frozen=True, slots=True)
class _Transfer:
    """An open answer of the server: its bytes belong behind the first ``start`` ones."""

    response: HTTPResponse
    start: int
    total: int  # 0 where the server does not tell

    def read(self, done: int) -> bytes:
        """Next piece; empty at the end."""
        try:
            # read1 hands out what is there, so that a break loses nothing that has arrived.
            piece = self.response.read1(_PIECE)
        except OSError as error:
            raise self._broken(done, _reason(error)) from error
        except HTTPException as error:  # a piece of known length was cut short
            raise self._broken(done, _CLOSED) from error
        if not piece and done < self.total:
            raise self._broken(done, _CLOSED)
        return piece

    def _broken(self, done: int, reason: str) -> EdgeyoloError:
        so_far = f"{done / 1e6:.1f}" + (f" of {self.total / 1e6:.1f}" if self.total else "")
        return EdgeyoloError(
            f"The transfer broke off after {so_far} MB: {reason}.",
            "What has arrived is kept; run the same command again to go on from there.",
        )


def _receive(url: str, part: Path, progress: Progress) -> None:
    """Complete the part."""
    transfer = _open(url, part.stat().st_size if part.is_file() else 0)
    done = transfer.start
    # No append mode: two fetches at once then write the same bytes to the same places.
    mode = "r+b" if done else "wb"
    with transfer.response, fail_clearly(part), part.open(mode) as stream:
        stream.seek(done)
        progress(done, transfer.total)
        while piece := transfer.read(done):
            stream.write(piece)
            done += len(piece)
            progress(done, transfer.total)


def _open(url: str, offset: int) -> _Transfer:
    """Ask for the bytes from ``offset`` on; the server may send the whole file instead."""
    headers = {"User-Agent": f"edgeyolo/{__version__}"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    try:
        response = urlopen(Request(url, headers=headers), timeout=_TIMEOUT)
    except HTTPError as error:
        error.close()
        if error.code == 416 and offset:  # the part is complete already or of another file
            return _open(url, 0)
        raise _refusal(url, error.code) from error
    except (OSError, HTTPException, ValueError) as error:
        raise EdgeyoloError(
            f"Cannot reach {url}: {_reason(error)}.",
            f"Check the network and the proxy (https_proxy), or name a mirror in {VARIABLE}.",
        ) from error
    return _accept(response, url, offset)


def _accept(response: HTTPResponse, url: str, offset: int) -> _Transfer:
    """Find out what the server sends; a range that was not asked for is asked for no more."""
    if response.status == 200:
        return _Transfer(response, 0, response.length or 0)
    found = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
    if response.status == 206 and found and int(found[1]) == offset:
        return _Transfer(response, offset, 0 if found[2] == "*" else int(found[2]))
    response.close()
    if offset:
        return _open(url, 0)
    raise _refusal(url, response.status)


def _refusal(url: str, status: int) -> EdgeyoloError:
    if status == 404:
        return EdgeyoloError(
            f"There is no {url} (404).",
            f"Name another source in {VARIABLE}, or put the file into {weights_folder()} yourself.",
        )
    answer = f"{status} {responses.get(status, '')}".rstrip()
    return EdgeyoloError(
        f"The server answered {answer} to {url}.",
        f"Try again later, or name another source in {VARIABLE}.",
    )


def _reason(error: Exception) -> str:
    cause = error.reason if isinstance(error, URLError) else error
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return text[0].lower() + text[1:].rstrip(".")
