"""Who may look: the token, and which names of this machine a browser may use."""

from __future__ import annotations

import hmac
import re
import secrets

from edgeyolo.device.server.request import Request, RequestError
from edgeyolo.errors import ConfigError

_SHORTEST = 8
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(:[0-9]+)?")
_LOCAL = ("localhost", "127.0.0.1", "[::1]")


def token_for(configured: str | None, *, is_loopback: bool) -> str | None:
    """The configured one, else a fresh one where others than this machine can connect.

    Raises:
        ConfigError: when the configured one can be guessed.
    """
    if configured is not None and len(configured) < _SHORTEST:
        raise ConfigError(
            f"serve_token has {len(configured)} characters, which can be guessed.",
            f"Use {_SHORTEST} or more, or leave it out: edgeyolo makes one.",
        )
    return configured or (None if is_loopback else secrets.token_urlsafe(18))


class Access:
    """Says no to whom the picture does not concern.

    A page of another site that is open in a browser on this machine can send requests here: it
    may not show what comes back, nor reach us under a name of its own (DNS rebinding).
    """

    def __init__(self, host: str, port: int, token: str | None, *, is_loopback: bool) -> None:
        bound = f"[{host}]" if ":" in host else host
        self._hosts = {*_LOCAL, bound.lower()} if is_loopback else None
        self._token = None if token is None else token.encode()
        self._cookie = f"edgeyolo-{port}"  # a browser does not tell cookies of two ports apart

    def check(self, request: Request) -> list[str]:
        """Headers that the answer must have.

        Raises:
            RequestError: when nothing may be shown.
        """
        if self._hosts is not None and "host" in request.headers:  # any browser sends it
            found = _HOST.fullmatch(request.headers["host"].lower())
            if not found or found[1] not in self._hosts:
                raise RequestError(403, "This is served to this machine only, not under that name.")
        if _is_embedded(request):
            raise RequestError(403, "Other sites may not show this.")
        if self._token is None:
            return []
        return self._remember() if self._may(request, self._token) else []

    def _may(self, request: Request, token: bytes) -> bool:
        """Whether the token was in the address."""
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        if _same(request.query.get("token", "").encode(), token):
            return True
        bearer = credentials.strip().encode("latin-1")
        if scheme.lower() == "bearer" and _same(bearer, token):
            return False
        if _same(_cookies(request).get(self._cookie, "").encode("latin-1"), _mark(token)):
            return False
        raise RequestError(
            401, "Open the address with its token, as edgeyolo printed it at its start."
        )

    def _remember(self) -> list[str]:
        assert self._token is not None
        cookie = f"{self._cookie}={_mark(self._token).decode()}"
        return [f"Set-Cookie: {cookie}; Path=/; HttpOnly; SameSite=Strict"]


def _same(given: bytes, expected: bytes) -> bool:
    return hmac.compare_digest(given, expected)  # as long for a wrong one as for a right one


def _mark(token: bytes) -> bytes:
    """What a cookie holds: proof of the token, not the token."""
    return hmac.digest(token, b"edgeyolo cookie", "sha256").hex().encode()


def _cookies(request: Request) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in request.headers.get("cookie", "").split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _is_embedded(request: Request) -> bool:
    """Whether a browser asks on behalf of another site's page; following a link is no harm."""
    site = request.headers.get("sec-fetch-site", "none")
    return site in ("cross-site", "same-site") and (
        request.headers.get("sec-fetch-mode") != "navigate"
        or request.headers.get("sec-fetch-dest") != "document"
    )
