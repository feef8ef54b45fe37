"""What a study says of its rows: by hand, in words, as tables and as a page."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from edgeyolo.report.study import study_table
from edgeyolo.report.study_csv import classes_csv, rows_csv
from edgeyolo.report.study_groups import effects, is_inconclusive, remarks, seed_groups
from edgeyolo.report.study_html import render_study
from tests.browser import needs_browser, shown

FACTORS = ("net", "batch", "freeze", "imgsz", "seed")


def point(tp: int, fp: int, fn: int) -> dict[str, Any]:
    ratios = {"precision": tp / (tp + fp or 1), "recall": tp / (tp + fn or 1)}
    return {"tp": tp, "fp": fp, "fn": fn, **ratios, "f1": 2 * tp / (2 * tp + fp + fn or 1)}


def row(name: str, value: float, **labels: Any) -> dict[str, Any]:
    levels = {"net": "n", "batch": 16, "freeze": "none", "imgsz": 320, "seed": 0, **labels}
    classes = [
        {"name": "stop", "boxes": 40, "ap50_95": value, "ap50": value + 0.1},
        {"name": "</script><b>never", "boxes": 0, "ap50_95": None, "ap50": None},
    ]
    at = {"micro": point(30, 5, 10), "macro": {"classes": 1, **point(30, 5, 10)}}
    own = [
        {"name": "stop", "threshold": 0.4, **point(30, 5, 10)},
        {"name": "</script><b>never", "threshold": None, **point(0, 0, 0)},
    ]
    return {
        "name": name,
        **levels,
        "start": "yolov8n.pt",
        "spec": "w0.25-d0.33",
        "parameters": 3_011_823,
        "gflops": 2.05,
        "file_size_bytes": 12_000_000,
        "training_seconds": 754.0,
        "epochs": 30,
        "device": "cpu",
        "latency_ms": {"p50": 20.5, "p90": 24.0},
        "latency_verdict": "stable",
        "accuracy": {
            "map50_95": value,
            "map50": value + 0.1,
            "map75": value,
            "map50_95_ci": [value - 0.04, value + 0.03],
            "images": 87,
            "boxes": 40,
            "per_class": classes,
        },
        "operating": {
            "own": {**at, "per_class": own},
            "common": {"threshold": 0.5, **at, "per_class": own},
        },
        "versus_best": {"difference": value - 0.6, "ci": [value - 0.65, value - 0.57]},
        "report": f"{name}/report.html",
    }


def study(*rows: dict[str, Any]) -> dict[str, Any]:
    best = max(rows, key=lambda each: each["accuracy"]["map50_95"], default={"name": None})
    return {
        "format": "edgeyolo-study",
        "version": 1,
        "created": "2026-11-21T10:00:00+00:00",
        "edgeyolo": "0.1.0",
        "name": "blood & <cells>",
        "data": {
            "name": "bccd",
            "fingerprint": "abc" * 10,
            "classes": ["stop", "</script><b>never"],
            "split": "val",
            "images": 87,
            "boxes": 40,
        },
        "engine": "onnxruntime",
        "environment": {"machine": "Pi <5>", "cores": 4, "system": "Linux", "versions": {}},
        "recipe": {"epochs": 30, "settings": {"mosaic": 0.5}},
        "factors": {f: list(dict.fromkeys(each[f] for each in rows)) for f in FACTORS},
        "rows": list(rows),
        "wide": [
            {
                "name": "wide-b16-320-s0",
                "start": "yolov8n.pt",
                "spec": "w0.25-d0.33",
                "imgsz": 320,
                "parameters": 3_011_823,
                "training_seconds": 600.0,
                "map50_95": 0.61,
                "map50_95_ci": [0.58, 0.64],
                "rows": ["slim-b16-320-s0"],
            }
        ],
        "failed": [
            {
                "name": "x-b16-320-s0",
                **dict(zip(FACTORS, ("x", 16, "none", 320, 0), strict=True)),
                "message": "Not enough memory <b>.",
                "hint": "Use a smaller batch.",
            }
        ],
        "best": best["name"],
    }


@pytest.fixture
def found() -> dict[str, Any]:
    """Two nets at two batches with two seeds, but one combination is missing."""
    return study(
        row("n-b16-320-s0", 0.50),
        row("n-b16-320-s1", 0.54, seed=1),
        row("n-b8-320-s0", 0.51, batch=8),
        row("n-b8-320-s1", 0.53, batch=8, seed=1),
        row("s-b16-320-s0", 0.60, net="s"),
        row("s-b16-320-s1", 0.58, net="s", seed=1),
        row("s-b8-320-s0", 0.57, net="s", batch=8),
    )


def test_seeds_together_by_hand(found: dict[str, Any]) -> None:
    groups = {group["name"]: group for group in seed_groups(found)}
    assert list(groups) == ["n-b16-320", "n-b8-320", "s-b16-320", "s-b8-320"]
    first = groups["n-b16-320"]
    assert first["seeds"] == [0, 1]
    assert first["mean"] == pytest.approx(0.52)
    assert first["sd"] == pytest.approx(0.0282843, abs=1e-6)  # of the sample: 0.04 / sqrt(2)
    assert (first["min"], first["max"]) == (0.50, 0.54)
    assert groups["s-b8-320"]["sd"] is None
    assert groups["s-b8-320"]["mean"] == 0.57


def test_effects_by_hand(found: dict[str, Any]) -> None:
    net, batch, seed = effects(found)
    # n against s: s0 at 16 +10, s1 at 16 +4, s0 at 8 +6; s1 at 8 has no partner.
    assert (net["factor"], net["level"], net["first"], net["pairs"]) == ("net", "s", "n", 3)
    assert net["points"] == pytest.approx(20 / 3)
    assert (net["low"], net["high"]) == (pytest.approx(4), pytest.approx(10))
    assert net["mean"] == pytest.approx((0.60 + 0.58 + 0.57) / 3)
    assert net["first_mean"] == pytest.approx((0.50 + 0.54 + 0.51) / 3)
    # 16 against 8: n s0 +1, n s1 -1, s s0 -3.
    assert (batch["level"], batch["first"], batch["pairs"]) == (8, 16, 3)
    assert batch["points"] == pytest.approx(-1)
    assert (batch["low"], batch["high"]) == (pytest.approx(-3), pytest.approx(1))
    # seeds: n at 16 +4, n at 8 +2, s at 16 -2.
    assert seed["points"] == pytest.approx(4 / 3)
    assert seed["pairs"] == 3


def test_the_difference_of_the_means_is_the_mean_of_the_differences(found: dict[str, Any]) -> None:
    for each in effects(found):
        assert each["points"] == pytest.approx(100 * (each["mean"] - each["first_mean"]))


def test_a_level_that_shares_nothing_with_the_first_has_no_effect() -> None:
    found = study(row("a", 0.5), row("b", 0.6, net="s", batch=8))
    assert effects(found) == []
    assert "No two rows differ in one factor alone" in render_study(found)


def test_inconclusive_is_an_interval_that_holds_0() -> None:
    one = row("a", 0.6)
    for low, high, said in ((-0.1, 0.1, True), (-0.1, -0.01, False), (0.0, 0.1, True)):
        one["versus_best"] = {"difference": 0.0, "ci": [low, high]}
        assert is_inconclusive(one) is said


def test_the_table(found: dict[str, Any]) -> None:
    text = study_table(found)
    (best,) = [line for line in text.splitlines() if line.startswith("*")]
    assert "s-b16-320-s0" in best
    assert "0.600 [0.560, 0.630]" in best
    assert " best " in best
    (near,) = [line for line in text.splitlines() if line.startswith("  s-b16-320-s1 ")][:1]
    assert "-2.0 [-7.0, +1.0] inconclusive" in near
    (far,) = [line for line in text.splitlines() if line.startswith("  n-b8-320-s1 ")][:1]
    assert "-7.0 [-12.0, -4.0]" in far
    assert "inconclusive" not in far
    assert "13 min" in far
    assert "n-b16-320  0.520, sd 0.028, 0.500 to 0.540 over 2 seeds" in text
    assert "net s against n: 0.583 against 0.517, +6.7 points (+4.0 to +10.0 over 3 pairs)" in text
    assert "failed: x-b16-320-s0: Not enough memory <b>." in text
    assert "87 images, 40 boxes" in " ".join(text.split())
    assert "wide-b16-320-s0 (w0.25-d0.33, from yolov8n.pt), which 1 row was slimmed from" in text
    micro = next(line for line in text.splitlines() if "micro" in line and "macro" in line)
    assert micro.split() == ["micro", "prec.", "recall", "F1", "macro", "prec.", "recall", "F1"]
    assert "0.857   0.750   0.800" in text  # 30 right, 5 wrong, 10 missed


def test_one_seed_says_so(found: dict[str, Any]) -> None:
    assert not any("One seed each" in remark for remark in remarks(found))
    alone = study(row("a", 0.5), row("b", 0.6, net="s"))
    assert any(remark.startswith("One seed each: spread none.") for remark in remarks(alone))
    assert "Seeds together" not in study_table(alone)


def test_different_starts_are_told(found: dict[str, Any]) -> None:
    assert not any("from scratch" in remark for remark in remarks(found))
    found["rows"][4]["start"] = "scratch"
    (said,) = [remark for remark in remarks(found) if "scratch" in remark]
    assert said.startswith("1 of the rows (s-b16-320-s0) learned from scratch")


def test_rows_as_csv(found: dict[str, Any]) -> None:
    lines = list(csv.DictReader(io.StringIO(rows_csv(found))))
    assert len(lines) == 8
    first, last = lines[0], lines[-1]
    assert (first["name"], first["imgsz_px"], first["failure"]) == ("n-b16-320-s0", "320", "")
    assert float(first["latency_p50_ms"]) == 20.5
    assert float(first["training_seconds"]) == 754
    assert float(first["versus_best_map50_95"]) == pytest.approx(-0.1)
    assert (first["micro_tp"], first["micro_fp"], first["micro_fn"]) == ("30", "5", "10")
    assert (last["name"], last["net"], last["map50_95"]) == ("x-b16-320-s0", "x", "")
    assert last["failure"] == "Not enough memory <b>."


def test_classes_as_csv(found: dict[str, Any]) -> None:
    lines = list(csv.DictReader(io.StringIO(classes_csv(found))))
    assert len(lines) == 14
    assert lines[0]["class"] == "stop"
    assert lines[0]["threshold"] == "0.4"
    assert (lines[1]["ap50_95"], lines[1]["threshold"]) == ("", "")


def test_when_all_failed(found: dict[str, Any]) -> None:
    found |= {"rows": [], "best": None, "wide": []}
    assert "x-b16-320-s0" in study_table(found)
    assert len(list(csv.DictReader(io.StringIO(rows_csv(found))))) == 1
    assert classes_csv(found) == ""
    assert "No row was trained to its end." in render_study(found)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for key, value in attrs if key in ("src", "href", "xlink:href")]


def test_the_page_needs_nothing_else_and_escapes(found: dict[str, Any]) -> None:
    page = render_study(found)
    reader = _Tags()
    reader.feed(page)
    assert reader.tags.count("script") == 2  # its data, and what sorts tables
    assert reader.tags.count("b") == 1  # ours, around the best one
    assert "cells" not in reader.tags
    assert not [link for link in reader.links if not link.startswith("#")]
    assert "Pi &lt;5&gt;" in page
    assert "blood &amp; &lt;cells&gt;" in page
    embedded = re.search(r'<script type="application/json" id="study">(.*?)</script>', page, re.S)
    assert embedded
    assert json.loads(embedded[1].replace("<\\/", "</")) == found


def test_the_page_holds_what_was_found(found: dict[str, Any]) -> None:
    page = render_study(found)
    for each in found["rows"]:
        assert f"<td>{each['name']}</td>" in page
    assert page.count("<svg") == 3
    assert "These images cannot tell from it: s-b16-320-s1" in " ".join(page.split())
    assert "x-b16-320-s0 failed" in page
    assert "<td>none</td>" in page  # the spread of one seed
    assert page == render_study(found)


@needs_browser
def test_a_browser_shows_it(found: dict[str, Any], tmp_path: Path) -> None:
    done = shown(render_study(found), tmp_path)
    assert "s-b16-320-s1" in done.stdout and "<svg" in done.stdout
    assert "Content Security Policy" not in done.stderr
