"""A detector that is exchanged while it runs."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

from edgeyolo.device.detector import Detector
from edgeyolo.errors import EdgeyoloError


class Reloading:
    """The detector of the moment; a new one takes over between two frames, when it is asked for.

    ``load`` makes it. The old one stays when that fails, or when the new one knows other classes,
    which the sinks have been told.
    """

    def __init__(self, load: Callable[[], Detector], say: Callable[[str], object]) -> None:
        self._load, self._say, self._asked = load, say, Event()
        self._detector = load()

    def ask(self) -> None:
        """Exchange it before the next frame; may be called from a signal handler."""
        self._asked.set()

    def __call__(self) -> Detector:
        """The one for the next frame."""
        if self._asked.is_set():
            self._asked.clear()
            self._exchange()
        return self._detector

    def _exchange(self) -> None:
        try:
            fresh = self._load()
        except EdgeyoloError as error:
            self._say(f"The old bundle goes on: {error.message}")
            return
        if fresh.bundle.names != self._detector.bundle.names:
            self._say(f"The old bundle goes on: {fresh.bundle.root} has other classes.")
            return
        self._detector = fresh
        self._say(f"{fresh.bundle.root} is loaded anew.")
