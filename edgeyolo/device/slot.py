"""Slot: hands one thing at a time from one thread to another, without a queue to grow stale in."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Condition
from typing import Generic, TypeVar

Thing = TypeVar("Thing")


class Slot(Generic[Thing]):
    """Between a writer and a reader, each in a thread of its own; the writer is a ``with`` block.

    The writer waits until the reader has taken the last thing; with ``newest`` it replaces it
    instead, and the loss is counted.
    """

    def __init__(self, *, newest: bool = False) -> None:
        self._newest = newest
        self._changed = Condition()
        self._held: list[Thing] = []  # one or none
        self._ended = self._left = False
        self._error: BaseException | None = None
        self.replaced = 0

    def put(self, thing: Thing) -> bool:
        """Hand over; ``False`` when nobody reads any more."""
        with self._changed:
            if not self._newest:
                self._changed.wait_for(lambda: self._left or not self._held)
            if self._left:
                return False
            self.replaced += len(self._held)
            self._held = [thing]
            self._changed.notify_all()
            return True

    def __enter__(self) -> Slot[Thing]:
        """The writer comes."""
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        """The writer goes; the reader gets what is held, and then the error."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()
        return True

    def leave(self) -> None:
        """The reader goes; also for a third thread that ends it all."""
        with self._changed:
            self._left = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Thing]:
        """Wait for each thing.

        Raises:
            BaseException: the one that the writer ended with.
        """
        return (thing for thing in self.each() if thing is not None)

    def each(self, patience: float | None = None) -> Iterator[Thing | None]:
        """The same; ``None`` whenever nothing came for so many seconds."""
        while True:
            with self._changed:
                came = self._changed.wait_for(self._is_over_or_held, patience)
                if self._left:
                    return
                if came and not self._held:
                    if self._error is not None:
                        raise self._error
                    return
                thing = self._held.pop() if came else None
                self._changed.notify_all()
            yield thing

    def _is_over_or_held(self) -> bool:
        return bool(self._held) or self._ended or self._left
