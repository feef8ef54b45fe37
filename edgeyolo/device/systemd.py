"""What the service manager is told: ``sd_notify(3)``, over the socket that it names."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

Loaded = TypeVar("Loaded")

_PATIENCE_S = 1.0
_SOCKET, _WATCHDOG, _WATCHDOG_PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"


class ServiceManager:
    """systemd, or nobody: without an ``address`` nothing is said.

    Nothing is raised either: a manager that does not listen must not end the detector.

    Args:
        address: path of a datagram socket; ``@name`` is one of the abstract namespace.
        watchdog_s: the process is ended when it gives no sign of life for so many seconds.
    """

    def __init__(self, address: str | None, watchdog_s: float | None = None) -> None:
        self.address, self.watchdog_s = address, watchdog_s
        self._is_ready = False

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> ServiceManager:
        """The one that started this process."""
        address = environment.get(_SOCKET, "")
        if address[:1] not in ("/", "@") or not hasattr(socket, "AF_UNIX"):
            return cls(None)
        meant = environment.get(_WATCHDOG_PID, "") in ("", str(os.getpid()))
        patience = environment.get(_WATCHDOG, "")
        return cls(address, int(patience) / 1e6 if patience.isdecimal() and meant else None)

    def say(self, **variables: str) -> None:
        """One datagram, such as ``say(STATUS="Well.")``.

        A manager that is stopped itself does not empty its queue. Only for READY, which is said
        once and waited for, is it worth a moment; all else is said again, and no frame waits.
        """
        if self.address is None:
            return
        text = "\n".join(f"{name}={' '.join(value.split())}" for name, value in variables.items())
        target = self.address.encode("utf-8", "surrogateescape")
        target = b"\0" + target[1:] if target.startswith(b"@") else target
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.settimeout(_PATIENCE_S if "READY" in variables else 0.0)
                sender.sendto(text.encode(), target)
        except OSError:
            return

    def ready(self) -> None:
        """The detector is loaded. It may still wait for its camera: the watchdog sees to that."""
        self._is_ready = True
        self.say(READY="1", STATUS="Loaded; waiting for the first frame.")

    def around(self, load: Callable[[], Loaded]) -> Callable[[], Loaded]:
        """``load``, which counts as a reload of the service from the second time on."""

        def told() -> Loaded:
            if not self._is_ready:
                return load()
            self.say(RELOADING="1", MONOTONIC_USEC=str(time.monotonic_ns() // 1000))
            try:
                return load()
            finally:
                self.say(READY="1")

        return told
