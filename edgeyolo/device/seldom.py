"""Telling of trouble without filling the journal with it."""

from __future__ import annotations

import time
from collections.abc import Callable

Say = Callable[[str], object]

_APART_S = 60.0


class Seldom:
    """Says a thing at once, and again at most once a minute; answers whether it did."""

    def __init__(self, say: Say) -> None:
        self._say, self._last = say, float("-inf")
        self.is_told = False  # until the trouble is over; for whoever tells of that

    def __call__(self, sentence: str) -> bool:
        """Say it if it is time."""
        if time.monotonic() - self._last < _APART_S:
            return False
        self._last, self.is_told = time.monotonic(), True
        self._say(sentence)
        return True
