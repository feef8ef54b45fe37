"""The address of an MQTT broker and of a topic there."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from edgeyolo.errors import UsageError

_FORM = "Write it as mqtt://user:password@host:1883/topic?qos=1, or mqtts:// for TLS."
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_LONGEST_TOPIC = 65535 - len("/status")  # bytes, of the protocol


@dataclass(frozen=True, slots=True)
class Broker:
    """Where it is, who we are there, and the topic."""

    host: str
    port: int
    topic: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    is_encrypted: bool = False
    qos: int = 0
    retain: bool = False

    @classmethod
    def parse(cls, text: str) -> Broker:
        """``mqtt[s]://[user[:password]@]host[:port]/topic[?qos=0|1|2&retain=0|1]``.

        Raises:
            UsageError: when it is none; the sentence does not repeat it, as it may hold a password.
        """
        text = text.strip()
        _check_text(text)
        parts, port = _split(text)
        options = _options(parts.query)
        return cls(
            host=_host(parts),
            port=port or _PORTS[parts.scheme],
            topic=_topic(text, parts),
            user=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
            is_encrypted=parts.scheme == "mqtts",
            qos=int(options.get("qos", "0")),
            retain=options.get("retain") == "1",
        )

    @property
    def status_topic(self) -> str:
        """Where it says whether we are online."""
        return f"{self.topic}/status"


def _check_text(text: str) -> None:
    try:
        text.encode()  # what the protocol does; a shell may hand over bytes that are no UTF-8
    except UnicodeEncodeError as error:
        raise UsageError("--mqtt is no text in UTF-8.", _FORM) from error


def _split(text: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise UsageError("--mqtt has no valid host and port.", _FORM) from error
    if parts.scheme not in _PORTS:
        raise UsageError("--mqtt is no address of an MQTT broker.", _FORM)
    if port == 0:
        raise UsageError("--mqtt has no valid host and port.", _FORM)
    return parts, port


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    try:
        host.encode("idna")  # what a connection does, where it would be too late for a sentence
    except UnicodeError:
        host = ""
    if not host or any(letter.isspace() for letter in host):
        raise UsageError("--mqtt names no host.", _FORM)
    return host


def _topic(text: str, parts: SplitResult) -> str:
    topic = unquote(parts.path.removeprefix("/"))
    if "#" in text or any(letter in topic for letter in "+#\0"):
        raise UsageError("The topic of --mqtt holds a + or a #, which are for readers.", _FORM)
    if not topic:
        raise UsageError("--mqtt names no topic.", _FORM)
    if len(topic.encode()) > _LONGEST_TOPIC:
        raise UsageError("The topic of --mqtt is too long.", _FORM)
    return topic


def _options(query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    known = {"qos": ("0", "1", "2"), "retain": ("0", "1")}
    for key, value in options.items():
        if key not in known:
            raise UsageError(f"--mqtt has an unknown option {key!r}.", _FORM)
        if value not in known[key]:
            raise UsageError(f"{key}={value} of --mqtt is none of {', '.join(known[key])}.", _FORM)
    return options
