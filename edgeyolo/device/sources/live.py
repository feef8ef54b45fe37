"""A camera or a stream: it has no end, and when it goes away it is opened again."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from threading import Event

from edgeyolo.device.backoff import pause
from edgeyolo.device.frame import Frame
from edgeyolo.errors import CameraError, DataError
from edgeyolo.images import Image, as_image

Opening = Callable[[], AbstractContextManager[Iterator[Image]]]

_WELL_S = 5.0  # of pictures, after which a camera counts as well again


class LiveSource:
    """Pictures of something that can be opened again, also when they come back in another size.

    ``opening`` holds the camera open and yields its pictures; it raises :class:`CameraError`, or
    ends, when there are no more. If it never gave one, that is an error; later, it is opened again
    after a time that doubles from 0.5 to 30 seconds, with a random half of it, so that many boards
    do not ask one server at once. ``say`` hears of it. ``wait`` waits so many seconds, and answers
    whether all is to end.
    """

    is_live = True
    fps: float | None = None

    def __init__(
        self,
        name: str,
        opening: Opening,
        say: Callable[[str], object],
        wait: Callable[[float], bool] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name, self.losses, self.broken = name, 0, 0
        self._stopped = Event()
        self._opening, self._say, self._clock = opening, say, clock
        self._wait = wait or self._stopped.wait

    def stop(self) -> None:
        """Do not open it again."""
        self._stopped.set()

    @contextmanager
    def frames(self) -> Iterator[Iterator[Frame]]:
        """Hold the camera open, and open it again."""
        with closing(self._read()) as frames:
            yield frames
        if self.broken > 1:  # of one was told when it came
            self._say(f"{self.name} gave {self.broken} broken pictures.")

    def _read(self) -> Generator[Frame, None, None]:
        started, index, failures = self._clock(), 0, 0
        while True:
            opened, count = self._clock(), 0
            try:
                with self._opening() as pictures:
                    for picture in pictures:
                        image = self._usable(picture)
                        if image is None:
                            continue
                        if index and not count:
                            self._say(f"{self.name} is back.")
                        elapsed = round(self._clock() - started, 4)
                        yield Frame(index, elapsed, image, f"frame-{index:06}")
                        index, count = index + 1, count + 1
            except CameraError:
                if index == 0:
                    raise
            if self._stopped.is_set():
                return
            if index == 0:
                raise CameraError(f"{self.name} gives no picture.")
            if count:
                self.losses += 1
                self._say(f"{self.name} is gone; trying again.")
            if count and self._clock() - opened >= _WELL_S:
                failures = 0
            if self._wait(pause(failures)):
                return
            failures += 1

    def _usable(self, picture: Image) -> Image | None:
        """A cable with a loose contact gives half pictures, and whole ones again."""
        try:
            return as_image(picture)
        except DataError as error:
            self.broken += 1
            if self.broken == 1:
                self._say(f"{self.name} gave a broken picture; such are left out. {error.message}")
            return None
