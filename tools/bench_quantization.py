"""What int8 costs and brings, engine by engine, against the goals.

    python tools/bench_quantization.py yolov8n.pt --data coco128/data.yaml --imgsz 640

Runs what ``edgeyolo quantize`` runs, with nothing cached, and compares the files on val. What it
finds is added to ``--results``; goals inform, they fail nothing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from edgeyolo.dataset.read import Dataset, read_dataset
from edgeyolo.device.bundle import Bundle
from edgeyolo.device.engine import load_engine
from edgeyolo.files import read_json, write_json
from edgeyolo.flow.quantize import Request, fp32_of, quantize
from edgeyolo.measure.latency import Subject, measure, ratio
from edgeyolo.progress import Silent
from edgeyolo.quantize.agreement import agreement
from edgeyolo.quantize.calibrate import CalibrationImages
from edgeyolo.quantize.quantizer import ENGINES

_BOX_IMAGES = 32
# engine: share of MACs, mAP ratio, size ratio, box px, latency ratio with VNNI, seconds
GOALS = {
    "onnxruntime": (0.85, 0.993, 0.30, 1.2, 0.55, 240),
    "openvino": (0.85, 0.993, 0.30, 1.5, 0.60, 240),
    "ncnn": (0.85, 0.993, 0.30, 1.2, 0.75, 360),
}
_WEIGHTS = {"onnxruntime": "model", "openvino": "weights", "ncnn": "bin"}


def bench(model: Path, dataset: Dataset, engine: str, imgsz: int, work: Path) -> dict[str, Any]:
    """Quantize for one engine and measure."""
    with fp32_of(model, engine, imgsz) as fp32:
        out = work / engine
        started = time.monotonic()
        found = quantize(fp32, dataset, Request(engine), out, None, Silent())
        seconds = time.monotonic() - started
        int8 = Bundle.open(out)
        images = dataset.images("val")
        subjects = [Subject(bundle.root, engine, 1) for bundle in (int8, fp32)]
        one_thread = ratio(*measure(subjects, images[:8], runs=10), "engine_ms")
        val = CalibrationImages(images[:_BOX_IMAGES], fp32.height, fp32.width)
        answers = [_answers(bundle, engine, val) for bundle in (fp32, int8)]
        sizes = [bundle.file(engine, _WEIGHTS[engine]).stat().st_size for bundle in (int8, fp32)]
    compared = agreement(int8, *answers)
    return {
        "int8_share": found["int8_share"],
        "map_ratio": round(found["val"]["after"] / found["val"]["before"], 4),
        "val": found["val"],
        "size_ratio": round(sizes[0] / sizes[1], 4),
        "box_px": round(compared.box_px, 3),
        "score": round(compared.score, 4),
        "latency_one_thread": one_thread,
        "seconds": round(seconds),
        "float_layers": found["float_layers"],
    }


def _answers(bundle: Bundle, engine: str, images: CalibrationImages) -> list[list[Any]]:
    loaded = load_engine(bundle, engine)
    return [[output.copy() for output in loaded.infer(blob)] for blob in images.blobs()]


def table(results: dict[str, Any]) -> str:
    """Rows of Markdown, the goals in brackets."""
    lines = [
        "| net | engine | MACs in int8 | mAP50-95 | int8 / fp32 | points, paired | box error, px "
        "| weights file / fp32 | time / fp32, 1 thread | s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for key, row in results.items():
        name, engine = key.split(" / ")
        share, accuracy, size, box, speed, seconds = GOALS[engine]
        val, time_ = row["val"], row["latency_one_thread"]
        low, high = (100 * bound for bound in val["difference_ci"])
        lines.append(
            f"| {name} | {engine} | {row['int8_share']:.1%} (≥ {share:.0%}) "
            f"| {val['before']:.4f} → {val['after']:.4f} "
            f"| {row['map_ratio']:.1%} (≥ {accuracy:.1%}) "
            f"| {100 * val['difference']:+.1f} [{low:+.1f}, {high:+.1f}] "
            f"| {row['box_px']:.2f} (≤ {box}) | {row['size_ratio']:.3f} (≤ {size}) "
            f"| {time_['median']:.2f} ({time_['low']:.2f}–{time_['high']:.2f}; ≤ {speed}) "
            f"| {row['seconds']} (≤ {seconds}) |"
        )
    return "\n".join(lines)


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
            dataset = read_dataset(options.data)
            results[key] = bench(options.model, dataset, engine, options.imgsz, work)
            print(key, json.dumps(results[key]), flush=True)
            if options.results:
                write_json(options.results, results)
    finally:
        shutil.rmtree(work)
    print(table(results))


if __name__ == "__main__":
    main()
