"""Which machine is meant."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address

from edgeyolo.errors import UsageError

# A name that ssh would take for an option, or a shell for more than a name, is none.
_USER = r"[A-Za-z0-9_.][A-Za-z0-9_.+-]*"
_NAME = r"[A-Za-z0-9_.][A-Za-z0-9_.-]*"
_ADDRESS = r"[0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.-]+)?"
_HOST = re.compile(
    rf"(?:(?P<user>{_USER})@)?(?:(?P<name>{_NAME})|(?P<bare>{_ADDRESS})|\[(?P<inner>{_ADDRESS})\])"
)


def checked_host(text: str) -> str:
    """``[user@]host``, as it may be handed to ssh.

    Raises:
        UsageError: when it is no such thing.
    """
    found = _HOST.fullmatch(text)
    address = found and (found["bare"] or found["inner"])
    if not found or (address and not _is_address(address)):
        raise UsageError(f"{text!r} is no host.", "Give one such as pi@raspberrypi.local.")
    name = address or found["name"]
    return f"{found['user']}@{name}" if found["user"] else name


def _is_address(text: str) -> bool:
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True
