"""How a command that is asked to end does so."""

from __future__ import annotations

import signal
from types import FrameType


def stop_in_order() -> None:
    """A terminal that is closed must not leave our folders of temporary files behind."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    for name in ("SIGHUP", "SIGTERM"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:  # not under nohup
            signal.signal(number, stop)
