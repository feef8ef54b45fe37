"""The report: the page says what the JSON says, and needs nothing else."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edgeyolo.measure.accuracy import evaluate
from edgeyolo.measure.details import details
from edgeyolo.report.html import render
from edgeyolo.report.verdict import sentences, verdict
from tests.browser import needs_browser, shown
from tests.unit.test_accuracy import _random


def row(role: str, value: float, milliseconds: float, imgsz: int = 320) -> dict[str, Any]:
    spread = {"p50": milliseconds, "p90": 1.2 * milliseconds, "p99": 1.5 * milliseconds}
    per_class = [{"name": "stop", "boxes": 12, "ap50_95": value, "ap50": value}]
    per_class.append({"name": "</script><b>yield", "boxes": 0, "ap50_95": None, "ap50": None})
    return {
        "role": role,
        "title": {"slim": "slim net"}.get(role, "wide net"),
        "name": "w0.125-d0.33" if role == "slim" else "w0.25-d0.33",
        "imgsz": imgsz,
        "engine": "ncnn",
        "precision": "fp32",
        "parameters": 913_127 if role == "slim" else 3_011_823,
        "gflops": 0.71,
        "file_size_bytes": 3_700_000,
        "accuracy": {
            "map50_95": value,
            "map50": value + 0.2,
            "map50_95_ci": [value - 0.03, value + 0.02],
            "versus_baseline": {"difference": value - 0.7, "ci": [value - 0.74, value - 0.67]},
            "per_class": per_class,
        },
        "latency": {
            "threads": 2,
            "runs": 100,
            "engine_only_ms": spread,
            "end_to_end_ms": spread,
            "peak_rss_mb": 80.0,
            "verdict": "noisy" if role == "slim" else "stable",
            "ratio_to_baseline": {"median": milliseconds / 20, "low": 0.4, "high": 0.6},
        },
        "samples_ms": {"engine_only": [[1.0]], "end_to_end": [[2.0]]},
    }


def choice(heads: list[str], served: float, parameters: float, gflops: float) -> dict[str, Any]:
    ratios = {"cut_backbone": False, "parameters_ratio": parameters, "gflops_ratio": gflops}
    return {"heads": heads, "served": served, **ratios}


@pytest.fixture
def report() -> dict[str, Any]:
    return {
        "created": "2026-11-21T10:00:00+00:00",
        "edgeyolo": "0.1.0",
        "run": "r",
        "name": "w0.125-d0.33",
        "data": {
            "name": "demo",
            "classes": ["stop", "yield"],
            "splits": {},
            "fingerprint": "abc" * 10,
            "split": "val",
            "images": 160,
            "boxes": 463,
        },
        "recipe": {"epochs": 14, "imgsz": 320},
        "environment": {"machine": "Pi <5>", "cores": 4, "system": "Linux", "load_1min": 0.1},
        "latency_images": 16,
        "versions": {"torch": "2.13.0"},
        "rows": [
            row("slim", 0.61, 9.87),
            row("baseline", 0.7, 20.0),
            row("smaller", 0.69, 8.0, imgsz=192),
        ],
        "heads": {
            "assigned": {"P3": 0.6, "P4": 0.398, "P5": 0.002},
            "boxes": 412,
            "images": 32,
            "recommended": ["P3", "P4"],
            "choices": [
                choice(["P3", "P4", "P5"], 1.0, 1.0, 1.0),
                choice(["P3", "P4"], 0.998, 0.66, 0.9),
            ],
        },
        "kept_heads": ["P3", "P4", "P5"],
        "knows_classes": True,
        "training": [
            {
                "name": "wide",
                "device": "cpu",
                "seconds": 12.0,
                "map50_95": [0.1, 0.2],
                "inherited": None,
            }
        ],
    }


class Page(HTMLParser):
    """Collects addresses and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        links = ("src", "href", "xlink:href", "action")
        self.addresses += [value or "" for name, value in attrs if name in links]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_a_backbone_that_learned_to_classify_first(report: dict[str, Any]) -> None:
    data = {"name": "<shapes>", "classes": ["a", "b"], "images": {"train": 120, "val": 40}}
    report["pretraining"] = {
        "data": data,
        "epochs": 20,
        "seconds": 61.2,
        "top1": {"value": 0.9, "images": 40, "ci": [0.77, 0.96]},
    }
    text = " ".join(Page(render(report)).words)
    assert "120 images of 2 classes from <shapes>, 20 epochs in 61 s." in text
    assert "right on 90% of the 40 images held back [77%, 96%]" in text


def _with_details(report: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The report, with what was measured of random detections."""
    samples, found = _random(3)
    bundle: Any = SimpleNamespace(names=names, height=160, width=160)
    told = details(bundle, samples, found, evaluate(samples, found, names))
    report["data"]["classes"] = list(names)
    report["rows"][0]["details"] = json.loads(json.dumps(told))
    return told


def test_what_it_gets_wrong(report: dict[str, Any]) -> None:
    names = ("cat", "</script><b>", "dog", "bird")
    told = _with_details(report, names)
    words = [word.strip() for word in Page(render(report)).words]
    common, ways = told["operating"]["common"], told["mistakes"]["ways"]
    start = words.index("slim net, 320 px, ncnn fp32")
    row = [word for word in words[start + 1 :] if word][:11]
    assert row == [
        f"{common['threshold']:.2f}",
        *(f"{common['micro'][key]:.3f}" for key in ("precision", "recall", "f1")),
        str(told["mistakes"]["right"]),
        *(str(count) for count in ways.values()),
    ]
    assert "Not measured when this run was made" not in " ".join(words)
    table = [word for word in words[words.index("really ↓ called →") :] if word]
    assert table[1:6] == [*names, "missed"]
    for index, name in enumerate((*names, "nothing")):
        begin = 6 + 6 * index
        counts = told["mistakes"]["confusion"][index]
        assert table[begin : begin + 6] == [name, *map(str, counts)]


def test_of_many_classes_the_most_frequent_confusions(report: dict[str, Any]) -> None:
    names = tuple(f"class {index}" for index in range(13))
    told = _with_details(report, names)
    words = [word.strip() for word in Page(render(report)).words if word.strip()]
    start = words.index("times") + 1
    confusion = np.array(told["mistakes"]["confusion"])
    np.fill_diagonal(confusion, 0)
    assert int(words[start + 2]) == confusion.max()
    assert "really ↓ called →" not in words


def test_a_run_of_before_says_what_was_not_measured(report: dict[str, Any]) -> None:
    report["rows"][0]["details"] = None
    assert "Not measured when this run was made" in " ".join(Page(render(report)).words)


def test_every_figure_is_that_of_the_json(report: dict[str, Any]) -> None:
    text = " ".join(Page(render(report)).words)
    for figure in ("0.610", "[0.580, 0.630]", "9.9", "11.8", "14.8", "0.91 M", "160 images"):
        assert figure in text, figure
    assert "Noisy" in text and "slim net on ncnn" in text
    assert "– " in text.replace("\n", " "), "a class without objects has no figure"


def test_nothing_is_loaded_from_elsewhere(report: dict[str, Any]) -> None:
    page = render(report)
    assert [address for address in Page(page).addresses if not address.startswith("#")] == []
    assert "@import" not in page and not re.search(r"url\((?!#)", page)


def test_the_embedded_json_is_the_report(report: dict[str, Any]) -> None:
    match = re.search(r'<script type="application/json" id="report">(.*?)</script>', render(report))
    assert match and json.loads(match[1]) == report


def test_the_same_report_gives_the_same_bytes(report: dict[str, Any]) -> None:
    assert render(report) == render(report)


def test_the_verdict_tells_a_finding_from_noise(report: dict[str, Any]) -> None:
    slim, small, heads = sentences(report)
    where = "412 boxes of 32 training images"
    assert heads.startswith(f"P5 serves 0.2% of the {where}: --heads P3,P4 saves 34% of the param")
    assert len(sentences({**report, "kept_heads": ["P3", "P4"]})) == 2  # that is what was done
    assert "not trained on these classes" in sentences({**report, "knows_classes": False})[2]
    assert "30% of the parameters" in slim and "0.49x the time" in slim
    assert "-9.0 points [-13.0, -6.0]" in slim and "cannot tell" not in slim
    assert "192 px" in small and "cannot tell" in small
    assert len(verdict(report).splitlines()) <= 8


@needs_browser
def test_a_browser_shows_it(report: dict[str, Any], tmp_path: Path) -> None:
    done = shown(render(report), tmp_path)
    assert "30% of the parameters" in done.stdout and "<svg" in done.stdout
    assert "Content Security Policy" not in done.stderr
