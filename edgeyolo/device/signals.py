"""What a service manager asks of a running detector."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from types import FrameType

from edgeyolo.errors import ExitCode

# Seconds after the first SIGTERM, which is to end all within 2.
_HEARD_S = 0.5  # until the loop has to have seen it, which it does every fifth of a second
_ENDED_S = 1.5  # until everything has to be closed
_LAST_S = 1.85  # then the process ends as it is

_HAS_TIMER = hasattr(signal, "setitimer")  # not on Windows


class Terminated(KeyboardInterrupt):
    """SIGTERM came and something hangs: end as after Ctrl-C, but that was no accident."""


@dataclass(slots=True)
class Asked:
    """What signals asked for. No locks: a handler may interrupt whoever holds one."""

    to_stop: bool = False
    to_reload: bool = False
    since: float | None = None  # monotonic, of the first SIGTERM, where a timer runs since then

    def hear(self) -> None:
        """The loop has ended: what was written is being closed, and has its own time for that."""
        if self.since is not None:
            left = self.since + _ENDED_S - time.monotonic()
            signal.setitimer(signal.ITIMER_REAL, max(0.01, left))


@contextmanager
def listening() -> Iterator[Asked]:
    """SIGTERM asks to stop, SIGHUP to reload; for the main thread.

    An exception out of the blue could hit a file that is half written or half closed. It comes all
    the same, as :class:`Terminated`, when the loop has not heard after half a second, or not closed
    everything after 1.5: then it waits for something that does not answer.
    """
    asked, is_left = Asked(), False

    def stop(number: int, frame: FrameType | None) -> None:
        if not asked.to_stop and _HAS_TIMER:
            asked.since = time.monotonic()
            signal.setitimer(signal.ITIMER_REAL, _HEARD_S, _ENDED_S - _HEARD_S)
        asked.to_stop = True

    def reload(number: int, frame: FrameType | None) -> None:
        asked.to_reload = True

    def interrupt(number: int, frame: FrameType | None) -> None:
        if not is_left:
            raise Terminated

    wanted = {"SIGTERM": stop, "SIGHUP": reload, "SIGALRM": interrupt}
    handlers = {getattr(signal, k): v for k, v in wanted.items() if hasattr(signal, k)}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield asked
    finally:
        is_left = True  # else the timer, which goes on, could leave the handlers half put back
        for number, handler in before.items():  # SIGALRM last: SIGTERM starts the timer
            if number == getattr(signal, "SIGALRM", None):
                signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(number, handler)


@contextmanager
def ending_in_time() -> Iterator[None]:
    """End the process 1.85 s after a SIGTERM that comes in the body, whatever hangs.

    A handler in Python has to wait for what the main thread does in C: an engine that loads, a file
    system or a pipe that does not answer. A thread that Python's own handler in C wakes has not.
    """
    if os.name == "nt":
        yield
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    heard = Event()

    def wait() -> None:
        while number := os.read(reader, 1):
            if number == bytes([signal.SIGTERM]):
                heard.set()
                time.sleep(_LAST_S)
                os._exit(ExitCode.FAILED)
        os.close(reader)

    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    Thread(target=wait, name="last resort", daemon=True).start()
    try:
        yield
    finally:
        if not heard.is_set():  # else what follows may hang, too
            signal.set_wakeup_fd(before)
            os.close(writer)
