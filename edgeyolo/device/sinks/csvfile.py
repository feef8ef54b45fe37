"""One line of CSV for each detection; its track comes last, where there is a tracker."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from edgeyolo.device.detections import Detections
from edgeyolo.device.frame import Frame, Sink
from edgeyolo.errors import EdgeyoloError
from edgeyolo.files import fail_clearly, free_name

COLUMNS = ("frame", "time_s", "score", "class_id", "class_name", "left", "top", "right", "bottom")


class CsvFile(Sink):
    """Begun with the first frame, so that a camera that is not there costs no older file.

    Each frame is written through at once: a killed process leaves whole lines. Of a live source an
    older table goes on, as a service that starts anew must not lose what it saw; one with other
    columns is kept under a number. Of a file the same command makes the same table again.
    """

    def __init__(
        self,
        path: Path,
        names: Sequence[str],
        *,
        is_live: bool = False,
        say: Callable[[str], object] = lambda sentence: None,
    ) -> None:
        self._path, self._names, self._is_live, self._say = path, names, is_live, say
        self._file: TextIO | None = None
        with fail_clearly(path, or_gone=True):
            path.parent.mkdir(parents=True, exist_ok=True)

    def write(self, frame: Frame, detections: Detections) -> bool:
        """One line for each detection, none for an empty frame."""
        try:
            with fail_clearly(self._path, or_gone=True):
                self._append(frame, detections)
        except BrokenPipeError as error:  # not the end of all, as on the standard output
            raise EdgeyoloError(f"Nobody reads {self._path} any more.") from error
        return True

    def _append(self, frame: Frame, detections: Detections) -> None:
        if self._file is None:
            self._file = self._begun(detections)
        rows = csv.writer(self._file)
        for found in detections.to_list(self._names):
            box = found.pop("xyxy")
            tracked = (found.pop("track_id"),) if "track_id" in found else ()
            rows.writerow([frame.index, frame.time_s, *found.values(), *box, *tracked])
        self._file.flush()

    def _begun(self, detections: Detections) -> TextIO:
        columns = [*COLUMNS, *(() if detections.track_id is None else ("track_id",))]
        held = _held(self._path) if self._is_live else b""
        goes_on = next(csv.reader([held.decode(errors="replace")]), []) == columns
        if held and not goes_on:
            kept = free_name(self._path)
            self._path.rename(kept)
            self._say(f"{self._path} had other columns; it is {kept} now.")
        file = self._path.open("a" if goes_on else "w", newline="", encoding="utf-8")
        if not goes_on:
            csv.writer(file).writerow(columns)
        elif not _ends_whole(self._path):  # a full disk, or the power, cut a line off
            file.write("\r\n")
        return file

    def close(self, *, complete: bool) -> None:
        """Close the file; what is in it counts, however it ended."""
        if self._file is not None:
            with fail_clearly(self._path, or_gone=True), suppress(BrokenPipeError):
                self._file.close()


def _held(path: Path) -> bytes:
    """The first line of an older table; nothing of what is no file, such as a named pipe."""
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.readline(1000)


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"
