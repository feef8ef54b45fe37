"""A report made by hand, of random detections, in the form that collecting gives it."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np

from edgeyolo.dataset.check import Sample
from edgeyolo.device.detections import Detections
from edgeyolo.measure.accuracy import Accuracy, evaluate, paired_difference
from edgeyolo.measure.curves import curves_of
from edgeyolo.measure.mistakes import mistakes
from edgeyolo.measure.operating import operating_points
from edgeyolo.measure.sizes import by_size
from edgeyolo.report.form import new_report

Row = dict[str, Any]
SIDE = 160
HOSTILE = "</script><b>" + "\u202eevil" + "x" * 500
NAMES = ("cat", HOSTILE, "dog", "bird")
HEADS: Row = {
    "assigned": {"P3": 0.6, "P4": 0.398, "P5": 0.002},
    "boxes": 412,
    "images": 32,
    "recommended": ["P3", "P4"],
    "recall": {"overall": 0.9, "without": {"P3": 0.4, "P4": 0.6, "P5": 0.9}},
    "choices": [
        {
            "heads": ["P3", "P4", "P5"],
            "served": 1.0,
            "parameters_ratio": 1.0,
            "gflops_ratio": 1.0,
            "cut_backbone": False,
        },
        {
            "heads": ["P3", "P4"],
            "served": 0.998,
            "parameters_ratio": 0.66,
            "gflops_ratio": 0.9,
            "cut_backbone": False,
        },
    ],
}


def samples(images: int = 20, seed: int = 0) -> list[Sample]:
    """Images of 160x160 pixels with up to five objects of the first three classes."""
    random = np.random.default_rng(seed)
    return [
        Sample(
            image=None,  # type: ignore[arg-type]  # nobody looks at it
            boxes=np.column_stack(
                [
                    random.integers(0, 3, count),
                    random.uniform(0.3, 0.7, (count, 2)),
                    random.uniform(0.1, 0.4, (count, 2)),
                ]
            ).astype(np.float32),
            width=SIDE,
            height=SIDE,
        )
        for count in random.integers(1, 6, images).tolist()
    ]


def found_in(truth: list[Sample], noise: float, seed: int = 1) -> list[Detections]:
    """An object each, its box off by ``noise`` pixels, and one of nothing in each image."""
    random = np.random.default_rng(seed)
    found = []
    for sample in truth:
        classes, center, sides = sample.boxes[:, 0], sample.boxes[:, 1:3], sample.boxes[:, 3:5]
        boxes = np.hstack((center - sides / 2, center + sides / 2)) * SIDE
        boxes = np.vstack((boxes + random.normal(0, noise, boxes.shape), [[2, 2, 30, 30]]))
        score = np.append(random.uniform(0.3, 1, len(classes)), 0.2).astype(np.float32)
        order = np.argsort(-score)
        ids = np.append(classes, 0).astype(np.int64)
        found.append(Detections(boxes.astype(np.float32)[order], score[order], ids[order]))
    return found


@cache
def accuracy(noise: float) -> tuple[Accuracy, list[Sample], list[Detections]]:
    """The more noise, the less accurate; all on the same images."""
    truth = samples()
    found = found_in(truth, noise)
    return evaluate(truth, found, NAMES), truth, found


def net(called: str, noise: float, base: Accuracy, **known: Any) -> Row:
    """An exported file."""
    measured, truth, found = accuracy(noise)
    difference, bounds = paired_difference(measured, base)
    threshold = operating_points(measured)["common"]["threshold"] or 0.0
    row = {
        "id": f"{called}@ncnn",
        "run": "r",
        "role": "slim",
        "title": called,
        "name": called,
        "spec": None,
        "imgsz": 320,
        "engine": "ncnn",
        "precision": "fp32",
        "strides": [8, 16, 32],
        "parameters": 913_127,
        "gflops": 0.71,
        "parts": None,
        "file_size_bytes": 3_700_000,
        "sha256": "ab" * 32,
        "accuracy": {
            **measured.to_dict(),
            "versus_baseline": {"difference": difference, "ci": list(bounds)},
        },
        "details": {
            "operating": operating_points(measured),
            "curves": curves_of(measured),
            "mistakes": mistakes(truth, found, len(NAMES), threshold).to_dict(),
            "by_size": by_size(truth, found, NAMES, 320, 320),
            "found_by": None,
        },
    }
    return {**row, **known}


def timing(net_id: str, milliseconds: float, device: str = "pi", **known: Any) -> Row:
    """A net's time there."""
    scope = {
        "p50": 0.9 * milliseconds,
        "p90": milliseconds,
        "p99": 1.2 * milliseconds,
        "p50_ci": [0.88 * milliseconds, 0.92 * milliseconds],
        "p90_ci": [0.97 * milliseconds, 1.03 * milliseconds],
        "p90_early_stopped": 1.1 * milliseconds,
    }
    row = {
        "net": net_id,
        "device": device,
        "sitting": 0,
        "kind": "measured",
        "threads": 4,
        "runs": 100,
        "engine_only_ms": scope,
        "end_to_end_ms": scope,
        "sustained_ms": {"p50": milliseconds, "p90": milliseconds, "p99": milliseconds},
        "load_ms": 100.0,
        "first_ms": 50.0,
        "peak_rss_mb": 80.0,
        "verdict": "stable",
        "ratio_to_baseline": {"median": milliseconds / 40, "low": 0.4, "high": 0.6},
    }
    return {**row, **known}


def specimen() -> Row:
    """A run on a Raspberry Pi: the slim net, the wide one, and that with smaller images."""
    return dict(json.loads(_text()))


@cache
def _text() -> str:
    base = accuracy(1.0)[0]
    nets = [
        net("slim", 3.0, base, title="slim net"),
        net("wide", 1.0, base, role="baseline", title="wide net", parameters=3_011_823),
        net("small", 2.0, base, role="smaller", title="wide net", imgsz=192),
    ]
    environment = {
        "machine": "Pi <5>",
        "cores": 4,
        "memory_mb": 4000,
        "system": "Linux",
        "python": "3.11.2",
        "load_1min": 0.1,
        "versions": {"ncnn": "1.0"},
    }
    device = {
        "id": "pi",
        "machine": "Pi <5>",
        "kind": "measured",
        "environment": environment,
        "images": 16,
    }
    made = new_report(
        "w0.125-d0.33 on pets",
        data={
            "name": "pets",
            "classes": list(NAMES),
            "splits": {"val": {"images": 20, "boxes": base.boxes}},
            "fingerprint": "abc" * 10,
            "split": "val",
            "images": 20,
            "boxes": base.boxes,
            "statistics": None,
        },
        nets=nets,
        devices=[device],
        sittings=[{"device": "pi", "states": []}],
        timings=[timing("slim@ncnn", 18.0), timing("wide@ncnn", 40.0), timing("small@ncnn", 16.0)],
        runs=[run()],
    )
    made["created"] = "2026-11-21T10:00:00+00:00"
    return json.dumps(made)


def run(name: str = "r") -> Row:
    """What is known of a run besides its measurements."""
    return {
        "name": name,
        "spec": "w0.125-d0.33",
        "recipe": {"epochs": 14, "imgsz": 320, "seed": 0},
        "versions": {"torch": "2.13.0"},
        "license": "AGPL-3.0-or-later",
        "command": ["edgeyolo", "slim", "--width", "0.125"],
        "trainings": [
            {
                "name": "wide",
                "device": "cpu",
                "seconds": 12.0,
                "map50_95": [0.1, 0.2],
                "inherited": None,
            }
        ],
        "heads": HEADS,
        "kept_heads": ["P3", "P4", "P5"],
        "knows_classes": True,
        "pretraining": None,
    }
