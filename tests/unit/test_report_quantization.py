"""The section on int8 says what the JSON says, and what it does not hold."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from typing import Any

import cv2
import numpy as np
import pytest

from edgeyolo.report.page import render_page
from edgeyolo.report.quantization import gate_sentence, reached, threshold_sentence
from edgeyolo.report.retained_figure import retained_figure
from edgeyolo.report.sections.quantization import section

Row = dict[str, Any]
HOSTILE = "</script><img src=x onerror=alert(1)>\u202e" + "x" * 500


def layer(name: str, precision: str = "int8", why: str = "") -> Row:
    return {"name": name, "error": 0.0123, "macs_share": 0.25, "precision": precision, "why": why}


def times(median: float) -> Row:
    part = {"median": median, "low": median - 0.04, "high": median + 0.05}
    return {"engine_only": part, "end_to_end": {**part, "median": median + 0.01}}


def box(class_id: int, *, matched: bool) -> Row:
    return {"box": [0.1, 0.1, 0.5, 0.5], "class_id": class_id, "score": 0.61, "matched": matched}


def disagreement(name: str) -> Row:
    encoded = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1]
    return {
        "image": name,
        "width": 64,
        "height": 48,
        "before": [box(0, matched=False)],
        "after": [box(1, matched=True)],
        "differing": 1,
        "picture": base64.b64encode(bytes(encoded)).decode(),
    }


@pytest.fixture
def found() -> Row:
    """As a report holds it."""
    return {
        "format": "edgeyolo-quantization",
        "version": 1,
        "net": "0123456789ab@ncnn",
        "bundle": "int8",
        "name": "w0.25-d0.33",
        "precision": "int8",
        "engine": "ncnn",
        "method": "mse",
        "seed": 3,
        "calibration_images": 64,
        "float_layers": ["model.0"],
        "int8_share": 0.931,
        "gate": {
            "images": 32,
            "difference": -0.0012,
            "max_drop": 0.3,
            "target_bytes": None,
            "fits": True,
            "met": True,
        },
        "warnings": [],
        "layers": [
            layer("model.0", "float", "sensitive"),
            layer("model.1"),
            layer("model.2"),
            layer("model.22.cv3.0.2", "float", "the net's answer"),
        ],
        "agreement": {"error": 0.02, "score": 0.0131, "box_px": 0.214, "anchors": 298},
        "val": {
            "before": 0.6423,
            "after": 0.6372,
            "difference": -0.0051,
            "difference_ci": [-0.011, 0.001],
            "retained": {"value": 0.99206, "ci": [0.9812, 1.0031]},
            "images": 87,
            "boxes": 412,
            "threshold": [0.41, 0.38],
            "detections": 412,
            "matched": 401,
            "matched_iou": 0.962,
            "score_change": -0.0125,
        },
        "size_bytes": 3_360_000,
        "size_ratio": 0.28,
        "latency": {"fp16": times(0.99), "int8": times(0.62), "threads": 4, "images": 8},
        "recommended": "int8",
        "disagreements": [disagreement("a.jpg")],
    }


def report_of(*found: Row) -> Row:
    return {
        "data": {"name": "bccd", "classes": ["RBC", "WBC"], "split": "val"},
        "nets": [
            {
                "id": "0123456789ab@ncnn",
                "title": "slim net",
                "imgsz": 320,
                "engine": "ncnn",
                "precision": "int8",
            }
        ],
        "devices": [{"id": "pi", "machine": "Raspberry Pi 4", "kind": "measured"}],
        "timings": [{"net": "0123456789ab@ncnn", "device": "pi", "kind": "measured"}],
        "quantizations": list(found),
    }


class Page(HTMLParser):
    """Words, the rows of tables, the names of elements, and all attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.rows: list[list[str]] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.is_in_cell = False
        self.feed(text)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
            self.is_in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self.is_in_cell = self.is_in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self.is_in_cell:
            self.rows[-1][-1] += data.strip()


def page(report: Row) -> Page:
    return Page(html(report))


def html(report: Row) -> str:
    name = "sections/quantization.html.j2"
    return render_page(name, {}, {}, report=report, view=section(report))


def test_every_figure_is_that_of_the_json(found: Row) -> None:
    shown = page(report_of(found))
    for words in (
        "slim net 320 px, ncnn int8",
        "int8 reaches 99.2 % [98.1, 100.3] of fp32's mAP50-95: 0.6423 → 0.6372 on 87 images, 412",
        "2 of 4 convolutions, 93.1 % of the multiply-adds, compute in int8; 2 stay in float: "
        "1 sensitive, 1 the net's answer.",
        "401 of 412 detections of fp32 are found again, with a mean IoU of 0.962 and a score that "
        "changes by -0.013 in the mean.",
        "raw scores differ by 0.0131 in the mean, boxes by 0.21 px of the input (298 anchor points",
        "moves from 0.41 to 0.38: run the int8 file with --conf 0.38.",
        "File: 3.36 MB, 0.28 × fp32.",
        "int8 pays on this machine with ncnn: 0.62 (0.58-0.67) x fp32's time.",
        "the three taking turns, on Raspberry Pi 4:",
        "Ranges by mse from 64 training images, seed 3.",
        "32 training images kept apart: mAP50-95 -0.12 points, of 0.3 that may be lost.",
        "a.jpg",
    ):
        assert words in shown.text, words
    assert ["int8", "0.62 [0.58–0.67]", "0.63 [0.58–0.67]"] in shown.rows
    assert ["model.0", "float", "sensitive", "0.0123", "25.00"] in shown.rows
    assert ["model.1", "int8", "", "0.0123", "25.00"] in shown.rows
    assert "Not in its file" not in shown.text


def test_the_line_shows_both_gates_and_where_int8_is(found: Row) -> None:
    shown = page(report_of(found))
    assert {"95% gate", "99% gate", "fp32"} <= {word.strip() for word in shown.words}
    assert (
        "99% gate: reached, but 87 images cannot settle it: the interval holds 99%." in shown.text
    )
    assert "95% gate: reached, by its whole interval." in shown.text
    low, high = (x_of_the_mark(retained_figure(value, None)) for value in (0.96, 0.995))
    assert low < high


def x_of_the_mark(svg: str) -> float:
    """Of the one round mark."""
    return float(re.findall(r'<use [^>]*?x="([\d.]+)"[^>]*?fill: #0072b2', svg)[-1])


@pytest.mark.parametrize(
    ("value", "bounds", "said"),
    [
        (0.992, (0.991, 0.995), "99% gate: reached, by its whole interval."),
        (0.992, (0.98, 1.01), "reached, but 9 images cannot settle it"),
        (0.98, (0.97, 0.985), "99% gate: not reached, by its whole interval."),
        (0.98, (0.97, 0.995), "not reached, but 9 images cannot settle it"),
        (0.992, None, "99% gate: reached."),
        (0.98, None, "99% gate: not reached."),
    ],
)
def test_a_gate(value: float, bounds: tuple[float, float] | None, said: str) -> None:
    assert said in gate_sentence(0.99, {"value": value, "ci": bounds}, 9)


def test_a_confidence_that_stays() -> None:
    assert threshold_sentence(0.41, 0.42).startswith("The best confidence stays")
    assert "--conf" not in threshold_sentence(0.41, 0.42)


def test_a_gain_that_is_not_in_every_round_is_called_that(found: Row) -> None:
    assert "in every round" not in page(report_of(found)).text
    found["latency"]["int8"] = times(0.96)
    said = "0.96 (0.92-1.01) x fp32's time, though not in every round."
    assert said in page(report_of(found)).text


def test_where_another_precision_is_faster_that_is_said(found: Row) -> None:
    slow = {**found, "recommended": "fp16", "latency": {**found["latency"], "int8": times(1.1)}}
    shown = page(report_of(slow)).text
    assert "int8 does not pay on this machine with ncnn: fp16 is faster there (0.99 x" in shown
    assert shown.count("does not pay") == 1
    lost = {**found["gate"], "met": False, "difference": -0.02}
    assert "2.00 points are lost" in page(report_of({**found, "gate": lost})).text


def test_a_net_that_the_report_does_not_know_and_a_machine_of_the_file(found: Row) -> None:
    report = report_of({**found, "environment": {"machine": "Jetson"}})
    shown = page({**report, "nets": [], "timings": []}).text
    assert "w0.25-d0.33, ncnn int8" in shown and "on Jetson:" in shown


def test_without_any_int8_file_it_says_how_to_make_one() -> None:
    for report in ({}, {"quantizations": []}, {"quantizations": None}):
        assert "make one with: edgeyolo quantize" in section(report)["missing"]


def test_what_a_file_lacks_is_named(found: Row) -> None:
    """Each part may be missing, and all of them."""
    parts = ("val", "agreement", "layers", "latency", "gate", "disagreements")
    for part in parts:
        shown = page(report_of({key: v for key, v in found.items() if key != part}))
        assert "Not in its file: " in shown.text, part
    for key in ("size_bytes", "int8_share", "recommended", "method", "calibration_images", "net"):
        assert page(report_of({k: v for k, v in found.items() if k != key})).text
    shown = page({"quantizations": [{}]})
    assert "net, unknown engine int8" in shown.text
    assert shown.text.count(",") > len(parts) - 2


def test_a_file_of_before_knows_no_interval(found: Row) -> None:
    for key in ("retained", "matched_iou", "score_change"):
        del found["val"][key]
    shown = page(report_of(found)).text
    assert "int8 reaches 99.2 % of fp32's mAP50-95" in shown
    assert "401 of 412 detections of fp32 are found again." in shown
    assert "99% gate: reached." in shown


def test_a_net_that_finds_nothing(found: Row) -> None:
    blind = {"before": 0.0, "after": 0.0, "retained": None, "matched_iou": None}
    found["val"] |= {**blind, "detections": 0, "matched": 0, "score_change": None}
    assert reached(found["val"]).startswith("fp32 finds nothing right")
    shown = page(report_of(found))
    assert "fp32 finds nothing right" in shown.text and "gate" not in shown.words
    assert "NaN" not in shown.text and "nan" not in shown.text.split()


def test_hostile_names_are_text(found: Row) -> None:
    found["layers"][0]["name"] = found["layers"][1]["why"] = HOSTILE
    found["method"] = found["name"] = found["engine"] = HOSTILE
    found["disagreements"] = [disagreement(HOSTILE)]
    report = report_of(found)
    report["nets"], report["data"]["classes"] = [], [HOSTILE, "WBC"]
    shown = page(report)
    assert "img" not in shown.tags and "script" not in shown.tags
    assert not [name for name, _ in shown.attributes if name.startswith("on")]
    assert any(HOSTILE in row[0] for row in shown.rows if row)
    assert shown.text.count("onerror=alert(1)") >= 5


def test_it_loads_nothing_and_is_the_same_bytes(found: Row) -> None:
    report = report_of(found, found)
    text = html(report)
    assert text == html(report)
    assert "<h2" not in text and "<script" not in text
    for name, value in Page(text).attributes:
        if name in ("src", "href", "xlink:href"):
            assert value and value.startswith(("#", "data:image/jpeg;base64,")), value
