"""A detector that is exchanged while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable

from edgeyolo.device.detector import Detector
from edgeyolo.device.engine import first_line
from edgeyolo.device.signals import Asked
from edgeyolo.errors import BundleError, DataError, EdgeyoloError

_PAUSES_S = (0.5, 1.0, 2.0, 4.0)  # before the detector is loaded anew; then it is given up
# Whatever is wrong with the new one, the old one has been proven to work.
_FAILURES = (EdgeyoloError, OSError, MemoryError, ValueError, IndexError, RuntimeError)
_WELL_S = 60.0  # without a failure, after which it counts as well again


class Reloading:
    """The detector of the moment; a new one takes over between two frames, when ``asked``.

    ``load`` makes it. The old one stays when that fails, when the new one cannot detect, or when it
    knows other classes than those that the sinks were told at the start.
    """

    def __init__(
        self,
        load: Callable[[], Detector],
        say: Callable[[str], object],
        asked: Asked,
        wait: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load, self._say, self._asked = load, say, asked
        self._wait, self._clock = wait, clock
        self._failures, self._failed_at = 0, clock()
        self._last_said = ""
        self._detector = load()

    def __call__(self) -> Detector:
        """The one for the next frame."""
        if self._asked.to_reload:
            self._asked.to_reload = False
            self._exchange()
        return self._detector

    def recover(self, error: EdgeyoloError) -> None:
        """After it failed on a frame, which is lost: load it anew, after a pause that grows.

        A picture that cannot be detected on is not the detector's fault, and only lost.

        Raises:
            EdgeyoloError: that error, when loading anew has not helped four times.
        """
        if isinstance(error, DataError):
            self._say_once(f"{error.message.rstrip('.')}. Such frames are left out.")
            return
        now = self._clock()
        if now - self._failed_at >= _WELL_S:
            self._failures = 0
        if self._failures == len(_PAUSES_S):
            raise error
        self._say(f"{error.message.rstrip('.')}. Its bundle is loaded anew.")
        self._wait(_PAUSES_S[self._failures])
        self._failures += 1
        self._exchange()
        self._failed_at = self._clock()

    def _say_once(self, sentence: str) -> None:
        if sentence != self._last_said:
            self._last_said = sentence
            self._say(sentence)

    def _exchange(self) -> None:
        try:
            fresh = self._load()
            self._check(fresh)
        except _FAILURES as error:
            self._say(f"The old bundle goes on: {_reason(error)}")
            return
        self._detector = fresh
        self._say(f"{fresh.bundle.root} is loaded anew.")

    def _check(self, fresh: Detector) -> None:
        if fresh.bundle.names != self._detector.bundle.names:
            raise BundleError(f"{fresh.bundle.root} has other classes; restart to use it.")
        fresh.rehearse()


def _reason(error: Exception) -> str:
    if isinstance(error, EdgeyoloError):
        return error.message
    if isinstance(error, MemoryError):
        return "there is not enough memory for two."
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{(error.strerror or first_line(error)).lower()}."
    return f"the new one cannot be loaded: {first_line(error).rstrip('.')}."
