"""One line of CSV for each detection; its track comes last, where there is a tracker."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from edgeyolo.device.detections import Detections
from edgeyolo.device.frame import Frame, Sink
from edgeyolo.errors import EdgeyoloError
from edgeyolo.files import fail_clearly

COLUMNS = ("frame", "time_s", "score", "class_id", "class_name", "left", "top", "right", "bottom")


class CsvFile(Sink):
    """Begun with the first frame, so that a camera that is not there costs no older file.

    Each frame is written through at once: a killed process leaves whole lines.
    """

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self._path, self._names = path, names
        self._file: TextIO | None = None

    def write(self, frame: Frame, detections: Detections) -> bool:
        """One line for each detection, none for an empty frame."""
        try:
            with fail_clearly(self._path):
                self._append(frame, detections)
        except BrokenPipeError as error:  # not the end of all, as on the standard output
            raise EdgeyoloError(f"Nobody reads {self._path} any more.") from error
        return True

    def _append(self, frame: Frame, detections: Detections) -> None:
        if self._file is None:
            self._file = self._path.open("w", newline="", encoding="utf-8")
            tracked = () if detections.track_id is None else ("track_id",)
            csv.writer(self._file).writerow(COLUMNS + tracked)
        rows = csv.writer(self._file)
        for found in detections.to_list(self._names):
            box = found.pop("xyxy")
            tracked = (found.pop("track_id"),) if "track_id" in found else ()
            rows.writerow([frame.index, frame.time_s, *found.values(), *box, *tracked])
        self._file.flush()

    def close(self, *, complete: bool) -> None:
        """Close the file; what is in it counts, however it ended."""
        if self._file is not None:
            with fail_clearly(self._path), suppress(BrokenPipeError):
                self._file.close()
