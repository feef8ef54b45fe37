"""Where the live page listens: HOST:PORT as a user writes it, and the socket for it."""

from __future__ import annotations

import errno
import os
import re
import socket
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from edgeyolo.errors import EdgeyoloError, UsageError

DEFAULT = "127.0.0.1:8080"
_HOST, _, _PORT = DEFAULT.partition(":")
_FORM = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%\w]+\]|[^\s:/?#@\[\]]*)(?::(?P<port>[0-9]{1,5}))?")
_HINT = f"Write HOST:PORT, such as {DEFAULT}, 0.0.0.0:8080 or [::1]:8080, after BUNDLE."
# What waits to be sent lies in the kernel, where it grows old: 2 pictures, not the usual 4 MB.
_SEND_BYTES = 64 * 1024
_UNSENT_BYTES = 16 * 1024
_NOT_OURS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
BACKLOG = 100  # who comes when it is full has to knock again after a second


@dataclass(frozen=True, slots=True)
class Address:
    """A name or an IP address of this machine, and a port; 0 lets the system choose one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """``HOST:PORT``; either may be left out, and an IPv6 address stands in brackets.

        Raises:
            UsageError: when it is no address.
        """
        text = text.strip()
        if text.isascii() and text.isdigit():
            text = f":{text}"
        found = _FORM.fullmatch(f"[{text}]" if _is_ipv6(text) else text)
        port = int((found and found["port"]) or _PORT)
        if not text or not found or port > 65535:
            raise UsageError(f"{text!r} is no address to serve at.", _HINT)
        return cls(found["host"].strip("[]") or _HOST, port)

    def __str__(self) -> str:
        """As it stands in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def listen(address: Address) -> socket.socket:
    """A socket that takes connections; of a name, at the first of its addresses that is ours.

    Raises:
        EdgeyoloError: when the host is unknown or not this machine, which may be so before the
            network is up, or when the port is in use or is for the system only.
    """
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        raise EdgeyoloError(f"There is no host {address.host!r} to serve at.", _HINT) from error
    # Of one that is in use the next would be another address under the same name: the URL that is
    # printed would show the page of whoever has the first.
    failed: OSError | None = None
    for family, kind, protocol, _, where in sorted(found, key=lambda one: one[0]):  # IPv4 first
        try:
            return _bound(socket.socket(family, kind, protocol), where)
        except OSError as error:
            failed = error
            if error.errno not in _NOT_OURS:
                break
    assert failed is not None
    raise _refused(address, failed) from failed


def is_loopback(listening: socket.socket) -> bool:
    """Whether only this machine can connect."""
    return ip_address(listening.getsockname()[0].partition("%")[0]).is_loopback


def reachable(listening: socket.socket, host: str) -> Address:
    """Where a browser finds it; of "every address of this machine", the one others likely see."""
    name, port = listening.getsockname()[:2]
    if not ip_address(name.partition("%")[0]).is_unspecified:
        return Address(host, port)
    # Connecting a datagram socket sends nothing; it only asks which way a packet would go. The
    # addresses are those set aside for documentation.
    target = "192.0.2.1" if listening.family == socket.AF_INET else "2001:db8::1"
    with socket.socket(listening.family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((target, 9))
            return Address(probe.getsockname()[0], port)
        except OSError:  # no network yet
            return Address(socket.gethostname(), port)


def _is_ipv6(text: str) -> bool:
    try:
        return bool(IPv6Address(text))
    except ValueError:
        return False


def _bound(made: socket.socket, where: tuple[object, ...]) -> socket.socket:
    try:
        if os.name == "posix":  # elsewhere it would share the port with another program
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BYTES)  # also of what it accepts
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
        made.bind(where)
        made.listen(BACKLOG)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made


def _refused(address: Address, error: OSError) -> EdgeyoloError:
    if error.errno == errno.EADDRINUSE:
        return EdgeyoloError(
            f"Cannot serve at {address}: the port is in use.",
            "Name another with --serve HOST:PORT, or end the program that has it.",
        )
    if error.errno == errno.EACCES:
        return EdgeyoloError(
            f"Cannot serve at {address}: that port is for the system only.", "Use 8080, say."
        )
    if error.errno in _NOT_OURS:
        return EdgeyoloError(f"{address.host} is not an address of this machine.", _HINT)
    reason = (error.strerror or str(error)).lower()
    return EdgeyoloError(f"Cannot serve at {address}: {reason}.", _HINT)
