"""Imports OpenCV and says how it was built."""

from __future__ import annotations

import re

import cv2

from edgeyolo.doctor.child import answer


def _built_with(information: str, name: str) -> str:
    found = re.search(rf"^ *{name}: +(\S+)", information, re.MULTILINE)
    return {"NO": "no", "NONE": "no", "YES": "yes"}.get(found[1], found[1]) if found else "no"


def main() -> None:
    """Answer from the build information."""
    information = cv2.getBuildInformation()
    built = {name: _built_with(information, name) for name in ("FFMPEG", "GStreamer")}
    gui = _built_with(information, "GUI")
    answer(version=cv2.__version__, gui=gui, **built)


main()
