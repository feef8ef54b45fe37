"""What int8 costs and brings, engine by engine, against the goals.

    python tools/bench_quantization.py yolov8n.pt --data coco128/data.yaml --imgsz 640

Runs what ``edgeyolo quantize`` runs, with nothing cached, and compares the files on val. What it
finds is added to ``--results``; goals inform, they fail nothing.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import shutil
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from edgeyolo.dataset.read import read_dataset
from edgeyolo.device.bundle import Bundle
from edgeyolo.device.engine import ENGINES, load_engine
from edgeyolo.files import read_json, write_json
from edgeyolo.flow.export import bundle_of
from edgeyolo.flow.gate import Limits
from edgeyolo.flow.quantize import Request, quantize
from edgeyolo.measure.latency import Subject, measure, ratio
from edgeyolo.progress import Silent
from edgeyolo.quantize.agreement import agreement
from edgeyolo.quantize.calibrate import CalibrationImages

_BOX_IMAGES = 32
# engine: share of MACs, mAP ratio, size ratio, box px, latency ratio with VNNI, seconds
GOALS = {
    "onnxruntime": (0.85, 0.993, 0.30, 1.2, 0.55, 240),
    "openvino": (0.85, 0.993, 0.30, 1.5, 0.60, 240),
    "ncnn": (0.85, 0.993, 0.30, 1.2, 0.75, 360),
}
_WEIGHTS = {"onnxruntime": "model", "openvino": "weights", "ncnn": "bin"}


def bench(model: Path, data: Path, engine: str, imgsz: int, work: Path) -> dict[str, Any]:
    """Quantize for one engine, for accuracy and then for speed, and measure."""
    dataset, cache = read_dataset(data), work / "cache"
    started = time.monotonic()
    with bundle_of(model, engine, imgsz) as fp32:
        found = quantize(fp32, dataset, Request(engine), work / engine, cache, Silent())
        seconds = time.monotonic() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        # A hundredth of the mAP, in points, is the mAP itself.
        limits = Limits(max_drop=found["gate"]["before"], prefer="speed")
        fast = quantize(fp32, dataset, Request(engine, limits), work / "fast", cache, Silent())
        bundles = [fp32, Bundle.open(work / engine), Bundle.open(work / "fast")]
        images = dataset.images("val")
        subjects = [Subject(bundle.root, engine, 1) for bundle in bundles]
        base, *others = measure(subjects, images[:8], runs=10)
        val = CalibrationImages(images[:_BOX_IMAGES], fp32.height, fp32.width)
        expected, *answers = [_answers(bundle, engine, val) for bundle in bundles]
        sizes = [bundle.file(engine, _WEIGHTS[engine]).stat().st_size for bundle in bundles]
    points = []
    for index, said in enumerate((found, fast)):
        compared = agreement(bundles[0], expected, answers[index])
        points.append(
            {
                "int8_share": said["int8_share"],
                "map_ratio": round(said["val"]["after"] / said["val"]["before"], 4),
                "val": said["val"],
                "size_ratio": round(sizes[index + 1] / sizes[0], 4),
                "box_px": round(compared.box_px, 3),
                "score": round(compared.score, 4),
                "latency_one_thread": ratio(others[index], base, "engine_ms"),
                "float_layers": said["float_layers"],
            }
        )
    return {**points[0], "fast": points[1], "seconds": round(seconds), "peak_mb": peak // 1024}


def _answers(bundle: Bundle, engine: str, images: CalibrationImages) -> list[list[Any]]:
    loaded = load_engine(bundle, engine)
    return [[output.copy() for output in loaded.infer(blob)] for blob in images.blobs()]


def table(results: dict[str, Any]) -> str:
    """Rows of Markdown, the goals in brackets; below each row the fastest within a hundredth."""
    lines = [
        "| net | engine | MACs in int8 | mAP50-95 | int8 / fp32 | points, paired | box error, px "
        "| weights file / fp32 | time / fp32, 1 thread | s | peak, GB |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    complete = {key: row for key, row in results.items() if "fast" in row}
    for key, row in complete.items():
        name, engine = key.split(" / ")
        seconds = GOALS[engine][-1]
        lines.append(
            f"| {name} | {engine} {_point(row, engine)} | {row['seconds']} (≤ {seconds}) "
            f"| {row['peak_mb'] / 1000:.1f} (≤ 3) |"
        )
        lines.append(f"| | the fastest within 1 % {_point(row['fast'], engine)} | | |")
    return "\n".join(lines)


def _point(point: dict[str, Any], engine: str) -> str:
    share, accuracy, size, box, speed, _ = GOALS[engine]
    val, time_ = point["val"], point["latency_one_thread"]
    low, high = (100 * bound for bound in val["difference_ci"])
    return (
        f"| {point['int8_share']:.1%} (≥ {share:.0%}) "
        f"| {val['before']:.4f} → {val['after']:.4f} "
        f"| {point['map_ratio']:.1%} (≥ {accuracy:.1%}) "
        f"| {100 * val['difference']:+.1f} [{low:+.1f}, {high:+.1f}] "
        f"| {point['box_px']:.2f} (≤ {box}) | {point['size_ratio']:.3f} (≤ {size}) "
        f"| {time_['median']:.2f} ({time_['low']:.2f}–{time_['high']:.2f}; ≤ {speed})"
    )


def main() -> None:
    """Parse, run what is missing, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path, help="checkpoint")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--imgsz", type=int, default=640)
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--name", help="of the net in the table")
    parser.add_argument("--results", type=Path, help="JSON, added to")
    options = parser.parse_args()
    stored = options.results and options.results.exists()
    results: dict[str, Any] = read_json(options.results) if stored else {}
    work = Path(tempfile.mkdtemp(prefix="edgeyolo-bench-"))
    try:
        for engine in options.engines.split(","):
            key = f"{options.name or options.model.stem} / {engine}"
            # In a process of its own: the peak of memory is one engine's.
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
                arguments = (options.model, options.data, engine, options.imgsz, work)
                results[key] = pool.submit(bench, *arguments).result()
            shutil.rmtree(work / "fast")
            print(key, json.dumps(results[key]), flush=True)
            if options.results:
                write_json(options.results, results)
    finally:
        shutil.rmtree(work)
    print(table(results))


if __name__ == "__main__":
    main()
