"""A job hears that it is asked to stop."""

from __future__ import annotations

import _thread
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from edgeyolo.jobs.names import STOP

_LOOK_S = 0.3


@contextmanager
def heard(folder: Path) -> Iterator[None]:
    """Meanwhile, a request to stop is what Ctrl-C is: a ``KeyboardInterrupt``, once."""
    over = Event()

    def listen() -> None:
        while not over.wait(_LOOK_S):
            if (folder / STOP).exists():
                _thread.interrupt_main()
                return

    thread = Thread(target=listen, name="stops", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
