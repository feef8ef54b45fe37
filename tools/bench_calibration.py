"""What few calibration images cost: the error of int8 by how many images chose its ranges.

    python tools/bench_calibration.py yolov8n.pt --data coco128/data.yaml --imgsz 640

All convolutions are in int8 but those that the engine keeps in float always. The error is that of
:class:`edgeyolo.quantize.agreement.Agreement`, on images of val.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from edgeyolo.dataset.read import Dataset, read_dataset
from edgeyolo.device.bundle import Bundle
from edgeyolo.device.engine import ENGINES, load_engine
from edgeyolo.flow.export import bundle_of
from edgeyolo.progress import Silent
from edgeyolo.quantize.agreement import Agreement
from edgeyolo.quantize.cache import Cache
from edgeyolo.quantize.calibrate import CalibrationImages, calibrate
from edgeyolo.quantize.quantizer import load_quantizer
from edgeyolo.quantize.salience import salience
from edgeyolo.quantize.select import split_training
from edgeyolo.quantize.trial import Probe

COUNTS = (1, 2, 4, 8, 16, 32, 64)
_JUDGES = 48


def errors(bundle: Bundle, dataset: Dataset, engine: str, seeds: int) -> dict[int, list[Agreement]]:
    """Number of images → how int8 agrees with fp32, for each random choice of them."""
    height, width = bundle.height, bundle.width
    judges = CalibrationImages(dataset.images("val")[:_JUDGES], height, width)
    probe = Probe(bundle, engine, list(judges.blobs()))
    quantizer, fp32 = load_quantizer(bundle, engine), load_engine(bundle, engine)
    found: dict[int, list[Agreement]] = {count: [] for count in COUNTS}
    for seed in range(seeds):
        chosen = split_training(dataset.images("train"), max(COUNTS), seed).calibration
        for count in COUNTS:
            images = CalibrationImages(chosen[:count], height, width)
            ranges, rounded = calibrate(
                quantizer,
                images,
                lambda blob: salience(fp32.infer(blob), bundle.strides),
                "mse",
                Cache(None, bundle, engine, images.paths, ()),
                Silent(),
            )
            quantizer.prepare(ranges, rounded)
            found[count].append(probe.agreement(quantizer, quantizer.always_float))
            print(f"{count} images, seed {seed}: {found[count][-1].error:.4f}", flush=True)
    return found


def table(found: dict[int, list[Agreement]]) -> str:
    """Markdown: a line for each number of images; mean and range."""
    most = statistics.mean(one.error for one in found[max(COUNTS)])
    lines = [f"| images | error, × that of {max(COUNTS)} | box error, px |", "|---|---|---|"]
    for count, entries in found.items():
        ratios = [one.error / most for one in entries]
        boxes = statistics.mean(one.box_px for one in entries)
        spread = f"{statistics.mean(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
        lines.append(f"| {count} | {spread} | {boxes:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--imgsz", type=int, default=640)
    parser.add_argument("--engine", choices=ENGINES, default=ENGINES[0])
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    with bundle_of(options.model, options.engine, options.imgsz) as bundle:
        found = errors(bundle, read_dataset(options.data), options.engine, options.seeds)
    print(table(found))


if __name__ == "__main__":
    main()
