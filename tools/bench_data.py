"""Seconds that `edgeyolo data check` takes on synthetic JPEGs of 640x640 with seven boxes each.

    python tools/bench_data.py --images 2000

The budget is 60 s for 10,000 on two cores; the figure informs, nothing fails. The images are as
many bytes as photos of that size, and none looks like another.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from edgeyolo.dataset.examine import examine
from edgeyolo.dataset.read import read_dataset

SIDE, BOXES = 640, 7
BUDGET_S, BUDGET_IMAGES = 60.0, 10_000


def write_dataset(root: Path, images: int) -> Path:
    """Four in five images for train, the rest for val; the path of the data.yaml."""
    chance = np.random.default_rng(0)
    for index in range(images):
        split = "val" if index % 5 == 4 else "train"
        image = root / "images" / split / f"{index:06}.jpg"
        label = root / "labels" / split / f"{index:06}.txt"
        for path in (image, label):
            path.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(_picture(chance))
        label.write_text("".join(_line(chance) for _ in range(BOXES)))
    data = root / "data.yaml"
    data.write_text("train: images/train\nval: images/val\nnames: [a, b, c]\n")
    return data


def _picture(chance: np.random.Generator) -> bytes:
    """Blots and grain: 130 kB at quality 90, as a photo has."""
    blots = chance.integers(0, 256, (12, 12, 3), np.uint8)
    picture = cv2.resize(blots, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    picture += chance.integers(-16, 17, (SIDE, SIDE, 1), np.int16)
    sharp = np.clip(picture, 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", sharp, (cv2.IMWRITE_JPEG_QUALITY, 90))[1].tobytes()


def _line(chance: np.random.Generator) -> str:
    width, height = chance.uniform(0.05, 0.3, 2)
    x, y = chance.uniform([width / 2, height / 2], [1 - width / 2, 1 - height / 2])
    return f"{chance.integers(3)} {x:.6f} {y:.6f} {width:.6f} {height:.6f}\n"


def measure(data: Path, count: int) -> None:
    """Time a check and print it, with what else the machine does."""
    size = sum(path.stat().st_size for path in data.parent.rglob("*.jpg")) / count
    before = os.getloadavg()[0]
    started, used = time.perf_counter(), time.process_time()
    found = examine(read_dataset(data), SIDE)
    seconds, used = time.perf_counter() - started, time.process_time() - used
    load = f"load {before:.1f} before and {os.getloadavg()[0]:.1f} behind"
    print(f"{count} images of {size / 1e3:.0f} kB, {os.cpu_count()} cores, {load}")
    print(f"{seconds:.1f} s, {used:.1f} s of the processor; {len(found.findings)} findings")
    whole = seconds * BUDGET_IMAGES / count
    print(f"{BUDGET_IMAGES} images: {whole:.0f} s, budget {BUDGET_S:.0f} s", flush=True)


def main() -> None:
    """Write, time, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=1, help="checks of the same images")
    parser.add_argument("--folder", type=Path, help="keep the images here, or take those that are")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = words.folder or Path(scratch)
        data = root / "data.yaml"  # written last
        data = data if data.is_file() else write_dataset(root, words.images)
        count = sum(map(len, read_dataset(data).splits.values()))
        for _ in range(words.rounds):
            measure(data, count)


if __name__ == "__main__":
    main()
