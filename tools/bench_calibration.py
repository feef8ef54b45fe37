"""What calibration is worth: the error of int8 by how many images chose its ranges, and how.

    python tools/bench_calibration.py yolov8n.pt --data coco128/data.yaml --imgsz 640
    python tools/bench_calibration.py yolov8n.pt --data coco128/data.yaml --methods --seeds 1

All convolutions are in int8 but those that the engine keeps in float always. The error is that of
:class:`edgeyolo.quantize.agreement.Agreement`, on images of val. With ``--methods`` the images are
64, and entropy calibration, which edgeyolo does not offer, is ONNX Runtime's own.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from onnxruntime.quantization.calibrate import HistogramCollector

from edgeyolo.dataset.read import Dataset, read_dataset
from edgeyolo.device.bundle import Bundle
from edgeyolo.device.engine import ENGINES, load_engine
from edgeyolo.flow.export import bundle_of
from edgeyolo.progress import Silent
from edgeyolo.quantize.agreement import Agreement
from edgeyolo.quantize.cache import Cache
from edgeyolo.quantize.calibrate import CalibrationImages, calibrate
from edgeyolo.quantize.quantizer import load_quantizer
from edgeyolo.quantize.ranges import METHODS, Range, Through
from edgeyolo.quantize.salience import salience
from edgeyolo.quantize.select import split_training
from edgeyolo.quantize.statistics import TensorStatistics
from edgeyolo.quantize.trial import Probe

COUNTS = (1, 2, 4, 8, 16, 32, 64)
_JUDGES = 48
_BINS, _STEPS = 512, 128  # of entropy calibration: ONNX Runtime's function needs minutes for more

Case = tuple[int, str]  # images, method
Found = dict[Case, list[Agreement]]


def entropy(statistics: TensorStatistics, widest: Range, _: Through) -> Range:
    """The range whose values, when rounded, have the least KL divergence from the exact ones."""
    counts = statistics.counts.reshape(_BINS, -1).sum(axis=1).astype(np.int64)
    edges = np.linspace(-statistics.reach, statistics.reach, _BINS + 1)
    collector = HistogramCollector("entropy", False, _BINS, _STEPS, 0, "same")
    histogram = (counts, edges, np.float64(widest.low), np.float64(widest.high))
    low, high = collector.get_entropy_threshold(histogram, _STEPS)
    return replace(widest, low=max(widest.low, float(low)), high=min(widest.high, float(high)))


def errors(
    bundle: Bundle, dataset: Dataset, engine: str, seeds: int, cases: Sequence[Case]
) -> Found:
    """How int8 agrees with fp32 in each case, for each random choice of the images."""
    height, width = bundle.height, bundle.width
    judges = CalibrationImages(dataset.images("val")[:_JUDGES], height, width)
    probe = Probe(bundle, engine, list(judges.blobs()))
    quantizer, fp32 = load_quantizer(bundle, engine), load_engine(bundle, engine)
    found: Found = {case: [] for case in cases}
    with TemporaryDirectory(prefix="edgeyolo-") as folder:
        for seed in range(seeds):
            chosen = split_training(dataset.images("train"), max(COUNTS), seed).calibration
            for count, method in cases:
                images = CalibrationImages(chosen[:count], height, width)
                ranges, rounded = calibrate(
                    quantizer,
                    images,
                    lambda blob: salience(fp32.infer(blob), bundle.strides),
                    method,
                    Cache(Path(folder), bundle, engine, images.paths, ()),
                    Silent(),
                )
                quantizer.prepare(ranges, rounded)
                agreement = probe.agreement(quantizer, quantizer.always_float)
                found[count, method].append(agreement)
                print(f"{count} images, {method}, seed {seed}: {agreement.error:.4f}", flush=True)
    return found


def table(found: Found) -> str:
    """Markdown: a line for each case; mean and range over the seeds."""
    base = statistics.mean(one.error for one in found[max(COUNTS), "mse"])
    lines = [
        f"| images | method | error, × that of {max(COUNTS)} by mse | box error, px |",
        "|---|---|---|---|",
    ]
    for (count, method), entries in found.items():
        ratios = [one.error / base for one in entries]
        boxes = statistics.mean(one.box_px for one in entries)
        spread = f" ({min(ratios):.2f}–{max(ratios):.2f})" if ratios[1:] else ""
        lines.append(
            f"| {count} | {method} | {statistics.mean(ratios):.2f}{spread} | {boxes:.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--imgsz", type=int, default=640)
    parser.add_argument("--engine", choices=ENGINES, default=ENGINES[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--methods", action="store_true", help="compare methods, not counts")
    options = parser.parse_args()
    cases: list[Case] = [(count, "mse") for count in COUNTS]
    if options.methods:
        METHODS["entropy"] = entropy
        cases = [(max(COUNTS), method) for method in METHODS]
    dataset = read_dataset(options.data)
    with bundle_of(options.model, options.engine, options.imgsz) as bundle:
        found = errors(bundle, dataset, options.engine, options.seeds, cases)
    print(table(found))


if __name__ == "__main__":
    main()
