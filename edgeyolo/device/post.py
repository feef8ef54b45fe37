"""POST over a connection that is kept for the next one."""

from __future__ import annotations

import io
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any

from edgeyolo.device.endpoint import Endpoint

_TIMEOUT_S = 5.0  # for all of it; TLS and each further address of a name may add as much
_SHORT = 64 * 1024  # bytes of an answer that are read to keep the connection
_REDIRECTS = 3
_MOVED = (301, 302, 307, 308)  # 303 asks for a GET, which tells nobody anything


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server says to a POST."""

    status: int
    retry_after: str | None
    location: str | None


class _InTime(io.RawIOBase):
    """What a socket receives, all of it within the time-out that is meant for its next bytes.

    Else a server that sends one byte every second would keep us for ever.
    """

    def __init__(self, connected: socket.socket, received: io.RawIOBase) -> None:
        self._socket, self._received = connected, received
        self._deadline = time.monotonic() + (connected.gettimeout() or 0.0)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """What there is, up to the buffer's length."""
        self._socket.settimeout(_left(self._deadline))
        return self._received.readinto(buffer)

    def close(self) -> None:
        """Let go of the socket."""
        self._received.close()
        super().close()


class _Response(HTTPResponse):
    """An answer that comes in time, or not at all."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp = io.BufferedReader(_InTime(sock, self.fp.detach()))


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


class Poster:
    """Posts to one endpoint; not for several threads at once.

    TLS is verified against the system's certificates (``SSL_CERT_FILE`` names others), which are
    read once: that takes some 50 ms.
    """

    def __init__(self, endpoint: Endpoint, timeout_s: float = _TIMEOUT_S) -> None:
        self._endpoint, self._timeout_s = endpoint, timeout_s
        self._connection: HTTPConnection | None = None
        self._origin = ""  # of the connection
        self._context: ssl.SSLContext | None = None

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send it, also where the server itself has moved it to.

        Raises:
            OSError, HTTPException: when no whole answer came.
        """
        endpoint = self._endpoint
        for _ in range(_REDIRECTS):
            answer = self._post(endpoint, body, headers)
            if answer.status not in _MOVED or answer.location is None:
                return answer
            moved = endpoint.redirected(answer.location)
            if moved is None:
                return answer
            endpoint = moved
        return answer

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _post(self, endpoint: Endpoint, body: bytes, headers: Mapping[str, str]) -> Answer:
        is_kept = self._connection is not None and self._origin == endpoint.origin
        try:
            return self._exchange(endpoint, body, headers)
        except ConnectionError:  # also RemoteDisconnected
            if not is_kept:
                raise
        # A server closes a kept connection whenever it likes, which tells nothing about a new one.
        return self._exchange(endpoint, body, headers)

    def _exchange(self, endpoint: Endpoint, body: bytes, headers: Mapping[str, str]) -> Answer:
        deadline = time.monotonic() + self._timeout_s
        try:
            connection = self._open(endpoint)
            connection.sock.settimeout(_left(deadline))
            connection.request("POST", endpoint.target, body, dict(headers))
            response = connection.getresponse()
        except (OSError, HTTPException):
            self.close()
            raise
        self._finish(response)
        retry_after, location = response.getheader("Retry-After"), response.getheader("Location")
        return Answer(response.status, retry_after, location)

    def _open(self, endpoint: Endpoint) -> HTTPConnection:
        if self._connection is None or self._origin != endpoint.origin:
            self.close()
            self._connection, self._origin = self._made(endpoint), endpoint.origin
        if self._connection.sock is None:  # also where the server said that it closes
            self._connection.connect()
        return self._connection

    def _made(self, endpoint: Endpoint) -> HTTPConnection:
        place = (endpoint.host, endpoint.port)
        if endpoint.scheme == "http":
            made = HTTPConnection(*place, timeout=self._timeout_s)
        else:
            self._context = self._context or ssl.create_default_context()
            made = HTTPSConnection(*place, timeout=self._timeout_s, context=self._context)
        made.response_class = _Response
        return made

    def _finish(self, response: HTTPResponse) -> None:
        """Read what is left, if it is short and comes soon: else the connection is of no use."""
        room = _SHORT
        with suppress(OSError, HTTPException):  # the answer is known; only its text is cut off
            while response.length != 0 and room > 0:
                piece = response.read1(room)
                if not piece:
                    break
                room -= len(piece)
        is_whole = response.length == 0 or response.isclosed()
        response.close()
        if not is_whole:
            self.close()
