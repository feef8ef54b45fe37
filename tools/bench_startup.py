"""Start-up: time and memory from process start to the first detection, --help, import.

    python tools/bench_startup.py [--weights slim.pt] [--runs 9] [--ultralytics]

Prints medians with the spread, and the budgets, which inform and assert nothing. A width-0.125 net
with random weights at 640 is exported when no checkpoint is named: weights do not change the time.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edgeyolo.export.bundle import write_bundle
from edgeyolo.export.stock import keep, stock_file
from edgeyolo.measure.environment import environment
from edgeyolo.slim.checkpoint import open_checkpoint
from edgeyolo.slim.net import build
from edgeyolo.slim.spec import SlimSpec

BUDGETS = {
    "run, ncnn": (0.5, 125),
    "run, onnxruntime": (0.7, 140),
    "run, openvino": (1.1, 170),
    "edgeyolo --help": (0.15, None),
    "import edgeyolo": (0.05, None),
}


def main() -> None:
    """Measure in turns, so that a change of the machine's speed meets all alike."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--ultralytics", action="store_true", help="time YOLO(…) as well")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        commands = _commands(Path(name), arguments.weights, ultralytics=arguments.ultralytics)
        results: dict[str, list[tuple[float, float]]] = {label: [] for label in commands}
        for turn in range(arguments.runs + 1):
            for label, command in commands.items():
                measured = _time(command)
                if turn:  # the first fills the disk cache
                    results[label].append(measured)
    print(json.dumps(environment()))
    print(f"{'':<24}{'median s':>9}{'min':>7}{'max':>7}{'peak MB':>9}   budget")
    for label, values in results.items():
        seconds, memory = zip(*values, strict=True)
        budget = BUDGETS.get(label)
        limit = f"{budget[0]} s" + (f", {budget[1]} MB" if budget[1] else "") if budget else "-"
        print(
            f"{label:<24}{statistics.median(seconds):>9.3f}{min(seconds):>7.3f}"
            f"{max(seconds):>7.3f}{statistics.median(memory):>9.0f}   {limit}"
        )


def _commands(folder: Path, weights: Path | None, *, ultralytics: bool) -> dict[str, list[str]]:
    net = open_checkpoint(weights) if weights else build(SlimSpec(width=0.125), ("a", "b"))
    engines = ("ncnn", "onnxruntime", "openvino")
    write_bundle(net, 640, engines, folder / "bundle")
    for engine in engines:
        write_bundle(net, 640, (engine,), folder / engine)
    image = folder / "photo.jpg"
    noise = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
    cv2.imwrite(str(image), cv2.GaussianBlur(noise, (0, 0), 9))
    run = [sys.executable, "-m", "edgeyolo", "run"]
    commands = {
        f"run, {engine}": [*run, str(folder / engine), "--source", str(image), "--json"]
        for engine in engines
    }
    commands["edgeyolo --help"] = [str(Path(sys.executable).parent / "edgeyolo"), "--help"]
    commands["python -c pass"] = [sys.executable, "-c", "pass"]
    commands["import edgeyolo"] = [sys.executable, "-c", _IMPORT]
    if ultralytics:
        for engine in engines:
            commands[f"YOLO({engine})"] = _ultralytics(folder, net, engine, image)
    return commands


# The statement alone: the interpreter's own start is measured beside it.
_IMPORT = "import edgeyolo"


def _ultralytics(folder: Path, net: Any, engine: str, image: Path) -> list[str]:
    """Detects with stock ultralytics on its own export of the same net."""
    with stock_file(net, 640, engine) as (_, written):
        stock = keep(written, folder / "stock")
    code = (
        f"from ultralytics import YOLO; "
        f"YOLO({str(stock)!r}, task='detect').predict({str(image)!r}, imgsz=640, verbose=False)"
    )
    return [sys.executable, "-c", code]


# Between this process and the one that is timed: on Linux a child's peak memory reaches back to
# the parent that it was forked from, and this one holds torch.
_LAUNCHER = """
import json, os, sys, time
null = os.open(os.devnull, os.O_RDWR)
actions = [(os.POSIX_SPAWN_DUP2, null, 1), (os.POSIX_SPAWN_DUP2, null, 2)]
started = time.perf_counter()
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=actions)
_, status, usage = os.wait4(pid, 0)
print(json.dumps([time.perf_counter() - started, usage.ru_maxrss / 1024, status]))
"""


def _time(command: list[str]) -> tuple[float, float]:
    """Seconds and peak MB of one process, from outside."""
    environment = {**os.environ, "YOLO_AUTOINSTALL": "false", "YOLO_OFFLINE": "true"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode
    done = subprocess.run(
        [sys.executable, "-S", "-c", _LAUNCHER, *command],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    seconds, memory, status = json.loads(done.stdout)
    assert status == 0, command
    return seconds, memory


if __name__ == "__main__":
    main()
