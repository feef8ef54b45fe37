"""What a service manager asks of a running detector."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(KeyboardInterrupt):
    """SIGTERM: end in order, as after Ctrl-C, but that was no accident."""


@contextmanager
def listening(reload: Callable[[], object]) -> Iterator[None]:
    """SIGTERM raises :class:`Terminated` in this, the main thread; SIGHUP calls ``reload``."""

    def terminate(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # files are being closed
        raise Terminated

    handlers: dict[int, object] = {signal.SIGTERM: terminate}
    if hasattr(signal, "SIGHUP"):  # not on Windows
        handlers[signal.SIGHUP] = lambda number, frame: reload()
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}  # type: ignore[arg-type]
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
