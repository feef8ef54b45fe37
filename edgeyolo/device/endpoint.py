"""The address that a webhook posts to."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

from edgeyolo.errors import UsageError

_FORM = "Write it as https://host/path, or http:// in your own network."
_PORTS = {"http": 80, "https": 443}
_PLAIN = "/%:@!$&'()*+,;=~-._?"  # what a path or query may hold as it is


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server is, and what to ask there."""

    scheme: str
    host: str
    port: int
    target: str  # path and query, as sent

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """``https://host[:port][/path][?query]``, or ``http://``.

        Raises:
            UsageError: when it is none; the sentence does not repeat it, as its path may be secret.
        """
        try:
            text.encode()  # a shell may hand over bytes that are no UTF-8
        except UnicodeEncodeError as error:
            raise UsageError("--webhook is no text in UTF-8.", _FORM) from error
        try:
            parts = urlsplit(text.strip())
            host, port = parts.hostname or "", parts.port
            host.encode("idna")  # what a connection does, where it is too late for a sentence
        except ValueError as error:  # UnicodeError is one
            raise UsageError("--webhook has no valid host and port.", _FORM) from error
        if parts.scheme not in _PORTS:
            raise UsageError("--webhook is no address of a web server.", _FORM)
        if not host or port == 0 or any(letter.isspace() for letter in host):
            raise UsageError("--webhook has no valid host and port.", _FORM)
        if parts.username is not None:
            raise UsageError(
                "--webhook takes no password in the address.",
                "Set EDGEYOLO_WEBHOOK_TOKEN to what the Authorization header shall hold.",
            )
        query = f"?{quote(parts.query, _PLAIN)}" if parts.query else ""
        target = quote(parts.path or "/", _PLAIN) + query
        return cls(parts.scheme, host, port or _PORTS[parts.scheme], target)

    @property
    def origin(self) -> str:
        """``https://host:port``: what may be shown, as the path of a webhook is often its key."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    def redirected(self, location: str) -> Endpoint | None:
        """Where an answer sends us, if that is the same server, or the same one with TLS."""
        try:
            to = Endpoint.parse(urljoin(f"{self.origin}{self.target}", location))
        except (UsageError, ValueError):  # the latter of urljoin
            return None
        is_upgrade = (self.scheme, to.scheme) == ("http", "https")
        same = to.origin == self.origin or is_upgrade
        return to if same and to.host == self.host else None
