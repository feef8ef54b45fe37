"""Which machine is meant."""

from __future__ import annotations

import re

from edgeyolo.errors import UsageError

# A name that ssh would take for an option, or a shell for more than a name, is none.
_USER = r"[A-Za-z0-9_.][A-Za-z0-9_.+-]*"
_NAME = r"[A-Za-z0-9_.][A-Za-z0-9_.-]*|\[?[0-9A-Fa-f]*:[0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.]+)?\]?"
_HOST = re.compile(rf"(?:(?P<user>{_USER})@)?(?P<name>{_NAME})")


def checked_host(text: str) -> str:
    """``[user@]host``, as it may be handed to ssh.

    Raises:
        UsageError: when it is no such thing.
    """
    found = _HOST.fullmatch(text)
    if not found:
        raise UsageError(f"{text!r} is no host.", "Give one such as pi@raspberrypi.local.")
    user, name = found["user"], found["name"].strip("[]")
    return f"{user}@{name}" if user else name
