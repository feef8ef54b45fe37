"""What a service manager asks of a running detector."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

_PATIENCE_S = 1.5  # for what the main thread does; an end in order takes a fifth of a second


class Terminated(KeyboardInterrupt):
    """SIGTERM came and something hangs: end as after Ctrl-C, but that was no accident."""


@dataclass(slots=True)
class Asked:
    """What signals asked for. No locks: a handler may interrupt whoever holds one."""

    to_stop: bool = False
    to_reload: bool = False


@contextmanager
def listening() -> Iterator[Asked]:
    """SIGTERM asks to stop, SIGHUP to reload; for the main thread.

    An exception out of the blue could hit a file that is half written or half closed. It comes all
    the same, as :class:`Terminated`, when the body has not ended 1.5 s after the first SIGTERM:
    then it waits for something that does not answer.
    """
    asked = Asked()

    def stop(number: int, frame: FrameType | None) -> None:
        if not asked.to_stop and hasattr(signal, "setitimer"):  # not on Windows
            signal.setitimer(signal.ITIMER_REAL, _PATIENCE_S)
        asked.to_stop = True

    def reload(number: int, frame: FrameType | None) -> None:
        asked.to_reload = True

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Terminated

    wanted = {"SIGTERM": stop, "SIGHUP": reload, "SIGALRM": interrupt}
    handlers = {getattr(signal, k): v for k, v in wanted.items() if hasattr(signal, k)}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield asked
    finally:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
