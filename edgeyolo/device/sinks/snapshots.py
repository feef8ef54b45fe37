"""Pictures of the frames in which something wished for was seen."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import cv2

from edgeyolo.device.detections import Detections
from edgeyolo.device.engine import first_line
from edgeyolo.device.frame import Frame, Sink
from edgeyolo.device.moment import iso, taken
from edgeyolo.device.outbox import Outbox, Rules
from edgeyolo.device.seldom import Say, Seldom
from edgeyolo.device.sinks.jsonl import record
from edgeyolo.device.wish import Wish
from edgeyolo.errors import EdgeyoloError
from edgeyolo.files import fail_clearly, write_bytes
from edgeyolo.images import Image

FLOOR_BYTES = 200 * 10**6
_FLOOR_SHARE = 0.01  # of the disk; the larger of the two is kept free
_ROOM = 1.05  # times the floor, before it goes on: not to stop and go with each picture
_WAITING = 2  # pictures in memory, while a slow card writes

Entry = tuple[datetime, Image, dict[str, Any]]


class Snapshots(Sink):
    """A JPEG without boxes, and a JSON file of the same name beside it with what was found.

    Without boxes, as these pictures are what the next training needs: frames of this very camera.
    The JSON holds a line of ``--json``, the time, the size, and for each detection also ``xywhn``:
    center and size as parts of the picture, which with ``class_id`` in front is a line of a YOLO
    label file. The names are UTC times in a folder for each day, ``2026-11-27/073000.123Z-42.jpg``
    (42 is the frame's number), so that old ones are easy to sort out and to delete. The JSON comes
    first, and either file appears whole or not at all.

    A disk is never filled: below 200 MB, or 1 % of it if that is more, pictures are left out until
    there is room again. Writing happens beside the detector, as a card may stall for seconds.

    Args:
        folder: made if it is not there.
        wishes: one that is met is enough.
        names: of the classes.
        say: hears of a full disk, and of how many were saved.
        every_s: at least so long between two pictures, 0 for every frame that matches.
        clock: the time of a frame in seconds, for ``every_s``; else that of its capture.
        is_live: a camera: no frame waits for the disk.
        floor_bytes: kept free on the disk.

    Raises:
        UsageError: when there is no class of a wish.
        EdgeyoloError: when the folder cannot be made.
    """

    def __init__(
        self,
        folder: Path,
        wishes: Sequence[Wish],
        names: Sequence[str],
        say: Say,
        *,
        every_s: float = 1.0,
        clock: Callable[[Frame], float] | None = None,
        is_live: bool = True,
        floor_bytes: int = FLOOR_BYTES,
    ) -> None:
        self._wishes = [(wish, wish.class_id(names)) for wish in wishes]
        self._folder, self._names = folder, names
        self._every_s, self._clock, self._floor_bytes = every_s, clock or _captured, floor_bytes
        self._say, self._trouble = say, Seldom(say)
        self._due = float("-inf")
        self._is_full = False
        self.saved = self.left_out = 0
        rules = Rules.for_source(is_live=is_live)
        rules = replace(rules, capacity=min(rules.capacity, _WAITING))
        self._outbox: Outbox[Entry] = Outbox("Snapshots", self._save, say, rules)
        with fail_clearly(folder, or_gone=True):
            folder.mkdir(parents=True, exist_ok=True)

    def write(self, frame: Frame, detections: Detections) -> bool:
        """Keep a picture of the frame, if it is wished for and not too soon."""
        now = self._clock(frame)
        if now >= self._due and any(wish.is_met(detections, i) for wish, i in self._wishes):
            self._due = now + self._every_s
            self._outbox.put(self._entry(frame, detections))
        return True

    def hurry(self) -> None:
        """Do it while other things end."""
        self._outbox.hurry()

    def close(self, *, complete: bool) -> None:
        """Write what waits, and tell how many there are."""
        self._outbox.close()
        if self.saved or self.left_out:
            left_out = f", {self.left_out} left out" if self.left_out else ""
            self._say(f"Snapshots: {self.saved} saved{left_out}, in {self._folder}.")

    def _entry(self, frame: Frame, detections: Detections) -> Entry:
        height, width = frame.image.shape[:2]
        moment = taken(frame)
        found = record(frame, detections, self._names)
        for values in found["detections"]:
            values["xywhn"] = _parts(values["xyxy"], width, height)
        size = {"time": iso(moment), "width": width, "height": height}
        return moment, frame.image.copy(), {**size, **found}  # a source may use its buffer again

    # In the outbox's thread.

    def _save(self, entry: Entry) -> None:
        try:
            is_saved = self._has_room() and self._written(*entry)
        except (EdgeyoloError, OSError, cv2.error) as error:  # also a disk that was pulled out
            reason = error.message if isinstance(error, EdgeyoloError) else first_line(error)
            self._trouble(f"Snapshots: {reason.rstrip('.')}; going on with the next.")
            is_saved = False
        self.saved += is_saved
        self.left_out += not is_saved

    def _has_room(self) -> bool:
        disk = shutil.disk_usage(self._folder)
        floor = max(self._floor_bytes, _FLOOR_SHARE * disk.total)
        was_full = self._is_full
        self._is_full = disk.free < floor * (_ROOM if was_full else 1)
        if self._is_full and not was_full:
            free, kept = disk.free / 1e6, floor / 1e6
            self._say(f"Snapshots stop: {free:.1f} MB are free, {kept:.1f} MB shall stay free.")
        if was_full and not self._is_full:
            self._say("Snapshots go on: there is room again.")
        return not self._is_full

    def _written(self, moment: datetime, image: Image, found: dict[str, Any]) -> bool:
        day = self._folder / f"{moment:%Y-%m-%d}"
        clock = f"{moment:%H%M%S}.{moment.microsecond // 1000:03}Z"
        picture = day / f"{clock}-{found['frame']}.jpg"
        encoded = _jpeg(image)
        facts = picture.with_name(f"{picture.stem}.json")
        write_bytes(facts, f"{json.dumps(found)}\n".encode())
        try:
            write_bytes(picture, encoded)
        except (EdgeyoloError, OSError):
            facts.unlink(missing_ok=True)
            raise
        return True


def _captured(frame: Frame) -> float:
    return frame.captured


def _jpeg(image: Image) -> bytes:
    is_done, encoded = cv2.imencode(".jpg", image)
    if not is_done:
        raise EdgeyoloError(f"A JPEG cannot hold {image.shape[1]}x{image.shape[0]} pixels.")
    return encoded.tobytes()


def _parts(box: Sequence[float], width: int, height: int) -> list[float]:
    """Corners in pixels → x and y of the center, width, height, each as a part of the picture."""
    left, top, right, bottom = box
    values = ((left + right) / 2 / width, (top + bottom) / 2 / height)
    sizes = ((right - left) / width, (bottom - top) / height)
    return [round(value, 6) for value in (*values, *sizes)]
