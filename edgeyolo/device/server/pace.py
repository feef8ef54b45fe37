"""How much of the processor the server may take."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable

_SHARE = 0.1  # of one core, which the detector does not miss where there are others
_SMALL_SHARE = 0.05
_LONGEST_S = 0.25  # of one rest; what is owed beyond that is rested after the next pass


def share(*, is_scaled: bool, cores: int) -> float:
    """Of one core, for pictures that are sent as they are or made smaller before.

    OpenCV makes them smaller in threads of its own, which the clock of this one does not see: up to
    as much again. And of an only core the detector misses all that is taken.
    """
    return _SMALL_SHARE if is_scaled or cores == 1 else _SHARE


class Paced(selectors.DefaultSelector):
    """The selector of an event loop that rests after work: for a share of 0.1, nine times as long.

    Whatever the clients do, the thread takes no more than its share: pictures and answers come
    later instead.
    """

    def __init__(
        self,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.thread_time,
        share: Callable[[], float] = lambda: _SHARE,
    ) -> None:
        super().__init__()
        self._sleep, self._clock, self._share = sleep, clock, share
        self._since: float | None = None  # the clock is that of the thread which calls first
        self._owed = 0.0  # seconds of rest
        self._hurries = False

    def hurry(self) -> None:
        """Rest no more: all is to end."""
        self._hurries = True

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait, after the rest; waiting is rest too."""
        if self._since is not None:
            self._owed += (self._clock() - self._since) * (1 / self._share() - 1)
        rest = 0.0 if self._hurries else min(_LONGEST_S, self._owed)
        self._sleep(rest)
        began = time.monotonic()
        found = super().select(timeout)
        self._owed = max(0.0, self._owed - rest - (time.monotonic() - began))
        self._since = self._clock()
        return found
