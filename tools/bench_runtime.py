"""What the runtime adds to its engine, and how it compares with ultralytics on the same net.

    python tools/bench_runtime.py [--weights slim.pt] [--photo photo.jpg] [--rounds 7]

Clean processes that take turns (A B A B …): `Detector` on a bundle and `YOLO.predict` on
ultralytics' own export of the same net, by engine, with the same number of threads, on one
1280x720 picture. Then what a dense scene costs behind the engine: 300 boxes at a confidence of
0.001. Start-up and memory: bench_startup.py. Budgets inform and assert nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edgeyolo.device.decode import Float, decode
from edgeyolo.device.nms import non_max_suppression
from edgeyolo.export.bundle import write_bundle
from edgeyolo.export.stock import keep, stock_file
from edgeyolo.files import write_json
from edgeyolo.measure.environment import environment
from edgeyolo.slim.checkpoint import open_checkpoint
from edgeyolo.slim.net import build
from edgeyolo.slim.spec import SlimSpec

ENGINES = ("onnxruntime", "ncnn", "openvino")
SHARE = 0.06  # of the engine's time, for everything before and behind it
RATIO = {"onnxruntime": 0.80, "ncnn": 0.90, "openvino": 0.70}  # to ultralytics' predict
DENSE_MS = 4.0
_WARMUP = 10

# Asked "N", each answers with N times: [engine ms, total ms].
_OURS = """
import json, sys, time, cv2
from edgeyolo.device.detector import Detector
image = cv2.imread(sys.argv[2])
detector = Detector(sys.argv[1], threads=int(sys.argv[3]))
for line in sys.stdin:
    times = []
    for _ in range(int(line)):
        a = time.perf_counter()
        blob, placement = detector.preprocess(image)
        b = time.perf_counter()
        outputs = detector.infer(blob)
        c = time.perf_counter()
        detector.postprocess(outputs, placement)
        d = time.perf_counter()
        times.append([(c - b) * 1e3, (d - a) * 1e3])
    print(json.dumps(times), flush=True)
"""
_THEIRS = """
import json, os, sys, time, cv2
from ultralytics import YOLO
image = cv2.imread(sys.argv[2])
model = YOLO(sys.argv[1], task="detect")
out = os.fdopen(os.dup(1), "w"); os.dup2(2, 1)
for line in sys.stdin:
    times = []
    for _ in range(int(line)):
        a = time.perf_counter()
        result = model.predict(
            image, imgsz=int(sys.argv[4]), rect=False, verbose=False, device="cpu"
        )
        d = time.perf_counter()
        times.append([result[0].speed["inference"], (d - a) * 1e3])
    print(json.dumps(times), file=out, flush=True)
"""


class Contender:
    """A process that runs when it is asked to."""

    def __init__(self, code: str, *arguments: object, threads: int) -> None:
        quiet = {"YOLO_AUTOINSTALL": "false", "YOLO_OFFLINE": "true", "YOLO_VERBOSE": "false"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **quiet, "OMP_NUM_THREADS": str(threads)},
        )

    def run(self, count: int) -> list[list[float]]:
        """So many times: engine and total, in milliseconds."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{count}\n")
        self._process.stdin.flush()
        answer: list[list[float]] = json.loads(self._process.stdout.readline())
        return answer

    def __enter__(self) -> Contender:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def race(options: argparse.Namespace, folder: Path, photo: Path) -> dict[str, Any]:
    """Each engine by us and by ultralytics, in turns."""
    net = _net(options.weights)
    found = {}
    for engine in options.engines:
        bundle = folder / engine
        write_bundle(net, options.imgsz, (engine,), bundle)
        with stock_file(net, options.imgsz, engine) as (_, written):
            stock = keep(written, folder)
        with ExitStack() as stack:
            ours, theirs = (
                stack.enter_context(Contender(*start, options.imgsz, threads=options.threads))
                for start in (
                    (_OURS, bundle, photo, options.threads),
                    (_THEIRS, stock, photo, options.threads),
                )
            )
            ours.run(_WARMUP), theirs.run(_WARMUP)
            rounds = [
                (ours.run(options.runs), theirs.run(options.runs)) for _ in range(options.rounds)
            ]
        found[engine] = _summary(rounds)
    return found


def _summary(rounds: list[tuple[list[list[float]], list[list[float]]]]) -> dict[str, Any]:
    engine, total, added, theirs = [], [], [], []
    for mine, other in rounds:
        engine.append(statistics.median(e for e, _ in mine))
        total.append(statistics.median(t for _, t in mine))
        added.append(statistics.median((t - e) / e for e, t in mine))
        theirs.append(statistics.median(t for _, t in other))
    floor, ratios = ([a / b for a, b in zip(ours, theirs, strict=True)] for ours in (engine, total))
    return {
        "engine_ms": _spread(engine),
        "total_ms": _spread(total),
        "added_share": _spread(added),
        "ultralytics_ms": _spread(theirs),
        "engine_ratio": _spread(floor),
        "ratio": _spread(ratios),
    }


def _spread(values: list[float]) -> list[float]:
    return [round(v, 4) for v in (statistics.median(values), min(values), max(values))]


def dense(runs: int = 50) -> dict[str, Any]:
    """Decoding and NMS of a picture in which 300 objects of 80 classes are seen, by 3 anchors each.

    The boxes lie apart on a grid, so that all 300 stay.
    """
    outputs = _crowd()
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        xyxy, score, class_id, _ = decode(outputs, (8, 16, 32), 16, 0.001, multi_label=True)
        kept = non_max_suppression(xyxy, score, class_id, 0.7, 300)
        times.append((time.perf_counter() - begin) * 1e3)
    return {"candidates": len(score), "kept": len(kept), "ms": _spread(times)}


def _crowd() -> list[Float]:
    random = np.random.default_rng(0)
    outputs = []
    for side in (80, 40, 20):
        outputs.append(random.normal(0, 1, (1, 64, side, side)).astype(np.float32))
        outputs.append(np.full((1, 80, side, side), -12, np.float32))
    logits = outputs[1][0]
    for index in range(300):
        x, y = 4 + 4 * (index % 18), 4 + 4 * (index // 18)
        logits[index % 80, y, x : x + 3] = random.normal(0, 2, 3)
        outputs[0][0, :, y, x : x + 3] = 0
        for edge in range(4):
            outputs[0][0, 16 * edge + 2, y, x : x + 3] = 9
    return outputs


def _net(weights: Path | None) -> Any:
    return open_checkpoint(weights) if weights else build(SlimSpec(width=0.125), ("a", "b"))


def table(results: dict[str, Any]) -> str:
    """Markdown."""
    lines = [
        "| engine | engine, ms | before and behind it | goal | × ultralytics' predict | goal | "
        "the engine alone × it |",
        "|---|---|---|---|---|---|---|",
    ]
    for engine, row in results["race"].items():
        share = "{:.1%} ({:.1%}–{:.1%})".format(*row["added_share"])
        ratio = "{:.2f} ({:.2f}–{:.2f})".format(*row["ratio"])
        lines.append(
            f"| {engine} | {row['engine_ms'][0]:.1f} | {share} | ≤ {SHARE:.0%} | {ratio} | "
            f"≤ {RATIO[engine]:.2f} | {row['engine_ratio'][0]:.2f} |"
        )
    crowd = results["dense"]
    lines += [
        "",
        f"{crowd['kept']} boxes of {crowd['candidates']} candidates at 0.001: "
        "{:.2f} ms ({:.2f}–{:.2f})".format(*crowd["ms"])
        + f", goal ≤ {DENSE_MS:g}",
    ]
    return "\n".join(lines)


def main() -> None:
    """Parse, measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, help="[width 0.125, untrained]")
    parser.add_argument("--photo", type=Path, help="[noise]")
    parser.add_argument("--imgsz", type=int, default=640)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--engines", type=lambda text: text.split(","), default=ENGINES)
    parser.add_argument("--results", type=Path, help="JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        photo = Path(name) / "frame.png"
        noise = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8)
        image = (
            cv2.imread(str(options.photo)) if options.photo else cv2.GaussianBlur(noise, (0, 0), 9)
        )
        cv2.imwrite(str(photo), cv2.resize(image, (1280, 720)))
        results = {"environment": environment(), "dense": dense(), "race": {}}
        results["race"] = race(options, Path(name), photo)
    if options.results:
        write_json(options.results, results)
    print(table(results))


if __name__ == "__main__":
    main()
