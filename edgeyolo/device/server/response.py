"""The bytes of an answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from http import HTTPStatus

TEXT, JPEG = "text/plain; charset=utf-8", "image/jpeg"
BOUNDARY = "edgeyolo-picture"
STREAM = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
DELIMITER = f"--{BOUNDARY}\r\n".encode("ascii")
# No header allows other origins to read anything (CORS), which is meant.
_SAFE = (
    "Connection: close",
    "Cache-Control: no-store",
    "X-Content-Type-Options: nosniff",
    "X-Frame-Options: DENY",
    "Referrer-Policy: no-referrer",  # it would hold the token
    "Cross-Origin-Resource-Policy: same-origin",
)
_NOTHING = "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'"
_ALSO = {
    401: ("WWW-Authenticate: Bearer",),
    405: ("Allow: GET, HEAD",),
    503: ("Retry-After: 5",),
}


def head(
    status: int, kind: str, length: int | None, *, more: Sequence[str] = (), policy: str = _NOTHING
) -> bytes:
    """Status line and headers; without ``length`` the answer ends with the connection."""
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"Content-Type: {kind}",
        *([] if length is None else [f"Content-Length: {length}"]),
        *(*_SAFE, policy, *_ALSO.get(status, ()), *more),
    ]
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def sentence(status: int, text: str, more: Sequence[str] = ()) -> tuple[bytes, bytes]:
    """Head and body of an answer for people."""
    body = f"{text}\n".encode()
    return head(status, TEXT, len(body), more=more), body


def values(content: object, more: Sequence[str] = ()) -> tuple[bytes, bytes]:
    """Head and body of an answer for programs."""
    body = json.dumps(content).encode() + b"\n"
    return head(200, "application/json", len(body), more=more), body


def part(jpeg: bytes, index: int) -> bytes:
    """One picture of the stream.

    The boundary follows at once: some browsers show a picture only when they see the next begin.
    """
    lines = (f"Content-Type: {JPEG}", f"Content-Length: {len(jpeg)}", f"X-Frame: {index}", "", "")
    return "\r\n".join(lines).encode("ascii") + jpeg + b"\r\n" + DELIMITER
