"""The camera of a board: the ways to its pictures, and which of them is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from threading import Event

from edgeyolo.device.model import board_model, has_csi_sensor, is_jetson, is_raspberry_pi
from edgeyolo.device.sources import nvargus, picamera2, rpicam
from edgeyolo.device.sources.camera import camera as v4l2
from edgeyolo.device.sources.csi import CsiCamera
from edgeyolo.device.sources.live import LiveSource
from edgeyolo.errors import CameraError
from edgeyolo.images import Image

_HINT = (
    "Check the cable and which way round it is, and that no other program uses the camera; "
    "one on USB is v4l2:///dev/video0."
)


@dataclass(frozen=True, slots=True)
class Way:
    """``open`` holds a camera open; its pictures end when the event is set.

    It raises :class:`CameraError` with a reason that reads well behind the name.
    """

    name: str
    open: Callable[[Event], AbstractContextManager[Iterator[Image]]]


def numbered(number: int, say: Callable[[str], object]) -> BoardCamera:
    """``--camera 0`` on a board: what is on its connector, else what V4L2 knows by that number."""
    name, sensor = f"Camera {number}", has_csi_sensor()
    ways = csi_ways(CsiCamera(number), board_model()) if sensor else []
    usb = Way("V4L2", lambda stopped: v4l2(number, name)())
    return BoardCamera(name, [*ways, usb], say, () if sensor else ("no CSI sensor is connected",))


def csi(camera: CsiCamera, say: Callable[[str], object]) -> BoardCamera:
    """``csi://0``, in whatever way there is."""
    return BoardCamera(f"Camera csi://{camera.number}", csi_ways(camera, board_model()), say)


def csi_ways(camera: CsiCamera, model: str) -> list[Way]:
    """The best first; all that there are where the board does not say what it is.

    It does not in a container, for example.
    """
    raspberry = [
        Way("picamera2", partial(picamera2.pictures, camera)),
        Way(program := rpicam.program(), partial(rpicam.pictures, program, camera)),
    ]
    jetson = [Way(nvargus.PROGRAM, partial(nvargus.pictures, camera))]
    if is_raspberry_pi(model):
        return raspberry
    return jetson if is_jetson(model) else [*raspberry, *jetson]


class BoardCamera(LiveSource):
    """Takes the first of several ways that gives a picture, says which, and stays with it.

    ``passed`` are reasons against others, known before.
    """

    def __init__(
        self,
        name: str,
        ways: Sequence[Way],
        say: Callable[[str], object],
        passed: Sequence[str] = (),
    ) -> None:
        super().__init__(name, self._open, say)
        self._ways, self._passed, self._taken, self._said = ways, passed, False, ""

    @contextmanager
    def _open(self) -> Iterator[Iterator[Image]]:
        passed = [*self._passed]
        for way in self._ways:
            with ExitStack() as stack:
                try:
                    pictures = stack.enter_context(way.open(self._stopped))
                    first = next(pictures, None)
                except CameraError as error:
                    passed.append(_reason(way, error))
                    continue
                if first is not None:
                    self._take(way, passed)
                    yield chain([first], self._rest(way, pictures))
                    return
                if self._stopped.is_set():
                    yield iter(())
                    return
                passed.append(f"{way.name}: no picture")
        reasons = "; ".join(passed)
        self._tell(reasons)
        raise CameraError(f"{self.name} gives no picture ({reasons}).", _HINT)

    def _take(self, way: Way, passed: Sequence[str]) -> None:
        if not self._taken:
            reasons = f" ({'; '.join(passed)})" if passed else ""
            self._say(f"{self.name} is read by {way.name}{reasons}.")
        self._ways, self._passed, self._taken, self._said = [way], (), True, ""

    def _rest(self, way: Way, pictures: Iterator[Image]) -> Iterator[Image]:
        try:
            yield from pictures
        except CameraError as error:
            self._tell(_reason(way, error))
            raise

    def _tell(self, reason: str) -> None:
        """Why it is gone, once; that it is gone tells :class:`LiveSource`."""
        if self._taken and reason != self._said:
            self._say(f"{self.name}, {reason}.")
            self._said = reason


def _reason(way: Way, error: CameraError) -> str:
    return f"{way.name}: {error.message.rstrip('.')}"
