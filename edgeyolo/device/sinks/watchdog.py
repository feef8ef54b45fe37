"""A sign of life for the service manager, whenever a frame was really processed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from edgeyolo.device.detections import Detections
from edgeyolo.device.frame import Frame, Sink
from edgeyolo.device.systemd import ServiceManager

_INTERVAL_S = 1.0  # between two signs: a datagram a frame would tell no more


class Watchdog(Sink):
    """The last of the sinks, so that a frame counts when all others have taken it.

    While no frame comes there is no sign, whatever the reason: a hung driver cannot be told from a
    camera that is switched off. So after the manager's patience it starts the process anew, which
    opens the camera from scratch and loses nothing, for there were no pictures.
    """

    is_output = False

    def __init__(
        self,
        manager: ServiceManager,
        names: Sequence[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._manager, self._names, self._clock = manager, names, clock
        self._interval = min(_INTERVAL_S, (manager.watchdog_s or 4 * _INTERVAL_S) / 4)
        # Two clocks: what is said while no frame comes must not put off the next sign of life.
        self._signed = self._said = self._last_frame = clock()
        self._count = self._count_signed = 0

    def write(self, frame: Frame, detections: Detections) -> bool:
        """Give the sign when it is due; at once for the first frame."""
        self._last_frame = now = self._clock()
        self._count += 1
        elapsed = now - self._signed
        if elapsed >= self._interval or self._count == 1:
            rate = (self._count - self._count_signed) / max(elapsed, 1e-9)
            self._count_signed, self._signed, self._said = self._count, now, now
            speed = f", {rate:.1f} fps" if elapsed >= self._interval else ""
            text = f"{self._count} frames{speed}: {detections.summary(self._names)}"
            self._manager.say(WATCHDOG="1", STATUS=text)
        return True

    def idle(self) -> bool:
        """Say that nothing comes; that is no sign of life."""
        now = self._clock()
        if now - max(self._said, self._last_frame) >= self._interval:
            self._said = now
            silence = f"No frame for {now - self._last_frame:.0f} s"
            self._manager.say(STATUS=f"{silence}, {self._count} before.")
        return True

    def close(self, *, complete: bool) -> None:
        """Say that it ends."""
        self._manager.say(STOPPING="1", STATUS=f"Ends after {self._count} frames.")
