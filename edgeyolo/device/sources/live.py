"""A camera or a stream: it has no end, and when it goes away it is opened again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager

from edgeyolo.device.frame import Frame
from edgeyolo.errors import CameraError
from edgeyolo.images import Image

Opening = Callable[[], AbstractContextManager[Iterator[Image]]]

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 30.0


class LiveSource:
    """Pictures of something that can be opened again, also when they come back in another size.

    ``opening`` holds the camera open and yields its pictures; it raises :class:`CameraError`, or
    ends, when there are no more. If it never gave one, that is an error; later, it is opened again
    after a time that doubles from 0.5 to 30 seconds, with a random half of it, so that many boards
    do not ask one server at once. ``say`` hears of it.
    """

    is_live = True
    fps: float | None = None

    def __init__(
        self,
        name: str,
        opening: Opening,
        say: Callable[[str], object],
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.name, self.losses = name, 0
        self._opening, self._say, self._sleep = opening, say, sleep

    @contextmanager
    def frames(self) -> Iterator[Iterator[Frame]]:
        """Hold the camera open, and open it again."""
        with closing(self._read()) as frames:
            yield frames

    def _read(self) -> Generator[Frame, None, None]:
        started, index, failures = time.monotonic(), 0, 0
        while True:
            reason = "no more pictures"
            try:
                with self._opening() as pictures:
                    for image in pictures:
                        if failures:
                            self._say(f"{self.name} is back.")
                        failures = 0
                        elapsed = round(time.monotonic() - started, 4)
                        yield Frame(index, elapsed, image, f"frame-{index:06}")
                        index += 1
            except CameraError as error:
                if index == 0:
                    raise
                reason = error.message
            if index == 0:
                raise CameraError(f"{self.name} gives no picture.")
            if not failures:
                self.losses += 1
                self._say(f"{self.name} is gone ({reason}); trying again.")
            self._sleep(_wait(failures))
            failures += 1


def _wait(failures: int) -> float:
    longest = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** min(failures, 16))
    return longest * random.uniform(0.5, 1)
