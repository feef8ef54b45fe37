"""How long to leave a peer alone that did not answer."""

from __future__ import annotations

import random

_FIRST_S, _LONGEST_S = 0.5, 30.0


def pause(failures: int) -> float:
    """Seconds after so many failures in a row: doubled each time, from 0.5 up to 30.

    A random half of it keeps many boards from asking one server at the same moment.
    """
    longest = min(_LONGEST_S, _FIRST_S * 2.0 ** min(failures, 16))
    return longest * random.uniform(0.5, 1)
