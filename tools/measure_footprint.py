"""Measure what the plan estimates of a board's runtime besides the engine's time.

Memory: the peak of a clean process that runs a bundle, against the activations and the weights of
its net. Time before and behind the engine: against the pixels of the input. Both for each engine,
on this machine; ``edgeyolo/plan/footprint.py`` holds what is fitted here.

    python tools/measure_footprint.py NET.pt ... --images FOLDER --results docs/footprint.json
"""

from __future__ import annotations

import argparse
import json
from datetime import date
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from edgeyolo.device.engine import ENGINES
from edgeyolo.export.bundle import write_bundle
from edgeyolo.images import IMAGE_SUFFIXES, read_image
from edgeyolo.measure.environment import machine_name
from edgeyolo.measure.latency import Subject, measure
from edgeyolo.slim.checkpoint import names_of, open_checkpoint, spec_of
from edgeyolo.slim.cost import cost
from edgeyolo.slim.memory import activation_bytes
from edgeyolo.versions import installed

_SIZES = (160, 224, 320, 448, 640)
_MB = 2**20


def main() -> None:
    """Measure, fit, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("nets", nargs="+", type=Path)
    parser.add_argument("--images", required=True, type=Path, help="folder of photos")
    parser.add_argument("--results", type=Path)
    options = parser.parse_args()
    photos = [p for p in sorted(options.images.iterdir()) if p.suffix.lower() in IMAGE_SUFFIXES]
    rows = [
        row
        for path, imgsz in product(options.nets, _SIZES)
        for row in _measured(path, imgsz, photos[:16])
    ]
    fits = {engine: _fitted([row for row in rows if row["engine"] == engine]) for engine in ENGINES}
    for engine, fit in fits.items():
        print(engine, json.dumps(fit))
    if options.results:
        answer = {
            "date": date.today().isoformat(),
            "machine": machine_name(),
            "versions": installed((*ENGINES, "numpy", "opencv-python")),
            "fits": fits,
            "rows": rows,
        }
        options.results.write_text(json.dumps(answer, indent=1) + "\n", encoding="utf-8")


def _measured(path: Path, imgsz: int, photos: list[Path]) -> list[dict[str, Any]]:
    net = open_checkpoint(path)
    photo_mb = sum(read_image(photo).nbytes for photo in photos) / 2**20
    spec, classes = spec_of(net), len(names_of(net))
    with TemporaryDirectory() as name:
        bundle = write_bundle(net, imgsz, ENGINES, Path(name) / "bundle")
        samples = measure([Subject(bundle.root, e) for e in ENGINES], photos, rounds=5, runs=10)
    return [
        {
            "net": spec.name,
            "classes": classes,
            "imgsz": imgsz,
            "engine": one.engine,
            "threads": one.threads,
            "activation_mb": activation_bytes(spec, classes, imgsz) / _MB,
            "weights_mb": cost(spec, classes, imgsz).file_size_bytes / _MB,
            # The bench holds its photos; a camera has a few frames under way.
            "peak_rss_mb": round(one.peak_rss_mb - photo_mb, 1),
            "around_ms": round(float(_low(one.total_ms) - _low(one.engine_ms)), 3),
        }
        for one in samples
    ]


def _low(rounds: list[list[float]]) -> float:
    """The tenth percentile: what it takes where nothing is in the way."""
    return float(np.percentile(np.concatenate(rounds), 10))


def _fitted(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Least squares: memory over activations and weights, time over pixels."""
    ones = np.ones(len(rows))
    columns = [ones, [r["activation_mb"] for r in rows], [r["weights_mb"] for r in rows]]
    memory, memory_error = _least_squares(columns, [r["peak_rss_mb"] for r in rows])
    pixels = [(r["imgsz"] / 640) ** 2 for r in rows]
    around, around_error = _least_squares([ones, pixels], [r["around_ms"] for r in rows])
    return {
        "memory_mb": memory,
        "memory_error_percent": memory_error,
        "around_ms": around,
        "around_error_percent": around_error,
    }


def _least_squares(columns: list[Any], wanted: list[float]) -> tuple[list[float], float]:
    table, target = np.column_stack(columns), np.array(wanted)
    found = np.linalg.lstsq(table / target[:, None], np.ones(len(target)), rcond=None)[0]
    error = float(np.std(table @ found / target - 1))
    return [round(float(value), 3) for value in found], round(100 * error, 1)


if __name__ == "__main__":
    main()
