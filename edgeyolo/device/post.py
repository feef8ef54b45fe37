"""POST over a connection that is kept for the next one."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection

from edgeyolo.device.endpoint import Endpoint

_TIMEOUT_S = 5.0  # for each step: connecting, TLS, sending, the answer's next bytes
_SHORT = 64 * 1024  # bytes of an answer that are read to keep the connection
_REDIRECTS = 3
_MOVED = (301, 302, 307, 308)  # 303 asks for a GET, which tells nobody anything


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server says to a POST."""

    status: int
    retry_after: str | None
    location: str | None


class Poster:
    """Posts to one endpoint; not for several threads at once.

    TLS is verified against the system's certificates (``SSL_CERT_FILE`` names others).
    """

    def __init__(self, endpoint: Endpoint, timeout_s: float = _TIMEOUT_S) -> None:
        self._endpoint, self._timeout_s = endpoint, timeout_s
        self._connection: HTTPConnection | None = None
        self._origin = ""  # of the connection

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
        try:
            connection = self._open(endpoint)
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
            self._connection, self._origin = self._connect(endpoint), endpoint.origin
        return self._connection

    def _connect(self, endpoint: Endpoint) -> HTTPConnection:
        place = (endpoint.host, endpoint.port)
        if endpoint.scheme == "http":
            return HTTPConnection(*place, timeout=self._timeout_s)
        context = ssl.create_default_context()
        return HTTPSConnection(*place, timeout=self._timeout_s, context=context)

    def _finish(self, response: HTTPResponse) -> None:
        """Read what is left, if it is short and comes soon: else the connection is of no use."""
        deadline, room = time.monotonic() + self._timeout_s, _SHORT
        with suppress(OSError, HTTPException):  # the answer is known; only its text is cut off
            while response.length != 0 and room > 0 and time.monotonic() < deadline:
                piece = response.read1(room)
                if not piece:
                    break
                room -= len(piece)
        is_whole = response.length == 0 or response.isclosed()
        response.close()
        if not is_whole:
            self.close()
