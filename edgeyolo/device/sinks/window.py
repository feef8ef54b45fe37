"""A window on the screen."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache

import cv2

from edgeyolo.device.detections import Detections
from edgeyolo.device.draw import draw
from edgeyolo.device.frame import Frame, Sink
from edgeyolo.errors import CameraError

_TITLE = "edgeyolo"
_QUIT = (ord("q"), 27)  # q or Esc
_PATIENCE_S = 10.0  # a small board imports OpenCV in four
# Without files of the working folder that have the name of a package, and without a core dump.
_TRIAL = """
import resource, sys
sys.path[:] = filter(None, sys.path)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
import cv2
cv2.namedWindow("edgeyolo")
cv2.waitKey(1)
"""


def has_display() -> bool:
    """Whether there is a screen and an OpenCV that can open a window on it."""
    build = cv2.getBuildInformation()
    gui = next((line for line in build.splitlines() if line.strip().startswith("GUI:")), "")
    if "NONE" in gui.upper():
        return False
    if sys.platform in ("win32", "darwin"):
        return True
    screens = os.environ.get("DISPLAY", ""), os.environ.get("WAYLAND_DISPLAY", "")
    return any(screens) and _opens(screens)


@cache
def _opens(screens: tuple[str, str]) -> bool:
    """Whether a window opens there: tried by a child, as Qt aborts where the screen has gone."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _TRIAL],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


class Window(Sink):
    """Shows annotated frames until q or Esc is pressed, or the window is closed."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names, self._is_open = names, False

    def write(self, frame: Frame, detections: Detections) -> bool:
        """Show one frame."""
        if not self.idle():  # first: showing a picture would open the window again
            return False
        try:
            cv2.imshow(_TITLE, draw(frame.image, detections, self._names))
            self._is_open = True
            return cv2.waitKey(1) & 0xFF not in _QUIT
        except cv2.error as error:
            raise CameraError(
                "OpenCV cannot open a window here.", "Use --out or --json instead of --show."
            ) from error

    def idle(self) -> bool:
        """Look at keys and at the window while nothing comes."""
        if not self._is_open:
            return True
        key = cv2.waitKey(1) & 0xFF
        return key not in _QUIT and cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) >= 1

    def close(self, *, complete: bool) -> None:
        """Close the window."""
        with suppress(cv2.error):  # an OpenCV without windows has none to close
            cv2.destroyAllWindows()
