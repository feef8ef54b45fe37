"""The built-in demo set: road signs, rendered anew on every machine from a fixed seed.

``generate`` writes images, YOLO labels, ``data.yaml`` and a clip with known boxes. Importing
this module needs neither NumPy nor OpenCV; generating needs both.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from edgeyolo.errors import EdgeyoloError

if TYPE_CHECKING:
    from edgeyolo.dataset.demo_world.arrays import Image
    from edgeyolo.dataset.demo_world.compositing import Box

DEMO_VERSION = 1  # raised whenever the same seed gives other images
DEMO_NAMES = ("stop", "yield", "speed-limit", "no-entry", "warning")
DEMO_IMGSZ = 320
DEMO_SPLITS = {"train": 480, "val": 160, "test": 160}

SEED = 20240
SIZES = ((320, 320), (320, 416), (416, 320))  # height, width in pixels, in turn
JPEG_QUALITIES = (35, 55, 75, 85, 92, 95)
CLIP_FPS, CLIP_FRAMES, CLIP_SIZE = 15, 90, (640, 480)  # width, height in pixels

Progress = Callable[[int, int], None]


def generate(
    root: Path,
    *,
    progress: Progress | None = None,
    counts: Mapping[str, int] | None = None,
    video: bool = True,
) -> Path:
    """Write the demo set to ``root`` and return its ``data.yaml``.

    A complete set at ``root`` is left as it is. ``counts`` overrides images per split.
    ``progress`` is called with the steps done and their total.
    """
    data = root / "data.yaml"
    if data.is_file():
        return data
    if root.exists() and any(root.iterdir()):
        raise EdgeyoloError(f"{root} holds other files than demo data.", "Remove that folder.")
    # Only the final rename makes the set appear, so a killed run leaves nothing half-written.
    partial = root.with_name(f".{root.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        _write_all(partial, {**DEMO_SPLITS, **(counts or {})}, progress, video)
        _publish(partial, root)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return data


def _publish(partial: Path, root: Path) -> None:
    """Rename the finished folder, unless another process was first."""
    if root.is_dir() and not any(root.iterdir()):
        root.rmdir()  # Windows does not rename over an empty folder
    try:
        partial.rename(root)
    except OSError:
        if not (root / "data.yaml").is_file():
            raise


def _write_all(root: Path, counts: dict[str, int], progress: Progress | None, video: bool) -> None:
    total = sum(counts.values()) + (CLIP_FRAMES if video else 0)
    steps = [_write_split(root, split, count) for split, count in counts.items()]
    if video:
        steps.append(_write_clip(root))
    done = 0
    for step in steps:
        for _ in step:
            done += 1
            if progress is not None:
                progress(done, total)
    (root / "data.yaml").write_text(_data_yaml(), encoding="utf-8")


def _data_yaml() -> str:
    lines = [f"# EdgeYOLO demo set, version {DEMO_VERSION}; train at imgsz {DEMO_IMGSZ}"]
    lines += [f"{split}: images/{split}" for split in DEMO_SPLITS]
    lines += ["names:", *(f"  {index}: {name}" for index, name in enumerate(DEMO_NAMES))]
    return "\n".join(lines) + "\n"


def render(split: str, index: int) -> tuple[Image, list[Box]]:
    """Image ``index`` of a split, uint8 [height, width, 3] (BGR), and its boxes."""
    import numpy as np

    from edgeyolo.dataset.demo_world.picture import picture

    rng = np.random.default_rng((SEED, list(DEMO_SPLITS).index(split), index))
    return picture(rng, *SIZES[index % len(SIZES)])


def label_text(boxes: list[Box], height: int, width: int) -> str:
    """YOLO label lines: class, middle x, middle y, width and height as parts of the image."""
    lines = []
    for box in boxes:
        x1, y1, x2, y2 = box.xyxy
        middle = (x1 + x2) / 2 / width, (y1 + y2) / 2 / height
        parts = (*middle, (x2 - x1) / width, (y2 - y1) / height)
        lines.append(f"{box.class_id} " + " ".join(f"{part:.6f}" for part in parts) + "\n")
    return "".join(lines)


def _write_split(folder: Path, split: str, count: int) -> Iterator[None]:
    """Write the images and labels of a split, one for each step of the iterator."""
    import cv2

    images, labels = folder / "images" / split, folder / "labels" / split
    images.mkdir(parents=True)
    labels.mkdir(parents=True)
    for index in range(count):
        image, boxes = render(split, index)
        quality = JPEG_QUALITIES[index * 7 // 3 % len(JPEG_QUALITIES)]
        _, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        (images / f"{index:04d}.jpg").write_bytes(jpeg.tobytes())
        text = label_text(boxes, *image.shape[:2])
        (labels / f"{index:04d}.txt").write_text(text, encoding="utf-8", newline="\n")
        yield


def _write_clip(folder: Path) -> Iterator[None]:
    """Write ``clip.mp4`` and ``clip.jsonl``, one frame for each step of the iterator."""
    import cv2

    from edgeyolo.dataset.demo_world.clip import Drive

    codec = cv2.VideoWriter.fourcc(*"mp4v")
    writer = cv2.VideoWriter(str(folder / "clip.mp4"), codec, CLIP_FPS, CLIP_SIZE)
    if not writer.isOpened():
        raise EdgeyoloError("This OpenCV cannot write mp4 files.", "Install another build of it.")
    drive = Drive(SEED, *CLIP_SIZE)
    with (folder / "clip.jsonl").open("w", encoding="utf-8", newline="\n") as lines:
        for index in range(CLIP_FRAMES):
            image, boxes = drive.frame(index / CLIP_FPS)
            writer.write(image)
            lines.write(_clip_line(index, boxes))
            yield
    writer.release()


def _clip_line(frame: int, boxes: list[Box]) -> str:
    """One line of ``clip.jsonl``."""
    known = [{"xyxy": [round(x, 2) for x in b.xyxy], "class_id": b.class_id} for b in boxes]
    time_s = round(frame / CLIP_FPS, 4)
    return json.dumps({"frame": frame, "time_s": time_s, "boxes": known}) + "\n"
