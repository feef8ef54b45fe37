"""Heads and pictures on the page: the numbers of the report, its boxes, and names as mere text."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

pytest.importorskip("cv2")
pytest.importorskip("jinja2")

import cv2
import jinja2

from edgeyolo.report.heads import heads_sentence
from edgeyolo.report.sections import gallery, heads
from tests.browser import answer_of, needs_browser

HOSTILE = "</script><svg onload=alert(1)>\u202e'\" & {{ 7 * 7 }}" + "x" * 500
NO_SCRIPT = f"sha256-{base64.b64encode(hashlib.sha256(b'').digest()).decode()}"
NAMES = ["cat", HOSTILE]
PICTURE = base64.b64encode(cv2.imencode(".jpg", np.full((30, 60, 3), 90, np.uint8))[1]).decode()
COUNTS = {
    "all": {"objects": 40, "P3": 20, "P4": 9, "P5": 1, "missed": 10},
    "small": {"objects": 33, "P3": 20, "P4": 5, "P5": 0, "missed": 8},
    "medium": {"objects": 7, "P3": 0, "P4": 4, "P5": 1, "missed": 2},
    "large": {"objects": 0, "P3": 0, "P4": 0, "P5": 0, "missed": 0},
}
ITEM: dict[str, Any] = {
    "image": f"a{HOSTILE}.jpg",
    "width": 600,
    "height": 300,
    "picture": PICTURE,
    "truth": [
        {"box": [0.1, 0.2, 0.3, 0.4], "class_id": 0, "missed": False},
        {"box": [0.5, 0.5, 0.6, 0.7], "class_id": 1, "missed": True},
        {"box": [0.0, 0.5, 0.1, 0.7], "class_id": 1, "missed": True},
    ],
    "found": [
        {"box": [0.1, 0.2, 0.3, 0.5], "class_id": 0, "score": 0.93, "right": True},
        {"box": [0.8, 0.2, 1.0, 0.5], "class_id": 1, "score": 0.625, "right": False},
    ],
    "missed": 2,
    "wrong": 1,
}
PAIR: dict[str, Any] = {
    "image": "b.jpg",
    "width": 300,
    "height": 600,
    "picture": PICTURE,
    "before": [
        {"box": [0.1, 0.2, 0.3, 0.4], "class_id": 0, "score": 0.9, "matched": True},
        {"box": [0.5, 0.5, 0.6, 0.7], "class_id": 1, "score": 0.8, "matched": False},
    ],
    "after": [{"box": [0.1, 0.2, 0.3, 0.5], "class_id": 0, "score": 0.7, "matched": True}],
    "differing": 1,
}


def _net(**changes: Any) -> dict[str, Any]:
    net = {
        "id": "0a@ncnn",
        "run": "r",
        "role": "slim",
        "title": "slim net",
        "imgsz": 320,
        "engine": "ncnn",
        "precision": "fp32",
        "details": {
            "operating": {"common": {"threshold": 0.41}},
            "found_by": {"threshold": 0.41, "levels": ["P3", "P4", "P5"], "by_size": COUNTS},
        },
    }
    return {**net, **changes}


def _advice() -> dict[str, Any]:
    choice = {"cut_backbone": False, "parameters_ratio": 0.7, "gflops_ratio": 0.9}
    return {
        "images": 9,
        "boxes": 99,
        "choices": [
            {**choice, "heads": ["P3", "P4", "P5"], "served": 1.0},
            {**choice, "heads": ["P3", "P4"], "served": 0.99},
        ],
        "recommended": ["P3", "P4"],
    }


def _report(**changes: Any) -> dict[str, Any]:
    report = {
        "data": {"classes": NAMES, "split": "val"},
        "nets": [_net()],
        "runs": [{"name": "r", "heads": _advice(), "kept_heads": ["P3", "P5"]}],
        "gallery": {"net": "0a@ncnn", "worst": [ITEM]},
    }
    return {**report, **changes}


def _environment() -> Any:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("edgeyolo.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _shown(name: str, report: dict[str, Any]) -> str:
    view = {"heads": heads, "gallery": gallery}[name].section(report)
    template = _environment().get_template(f"sections/{name}.html.j2")
    text: str = template.render(report=report, view=view)
    return text


def _compared(items: list[dict[str, Any]], names: list[str]) -> str:
    text = (
        '{% import "sections/_pictures.html.j2" as pictures %}{{ pictures.compared(items, names) }}'
    )
    page: str = _environment().from_string(text).render(items=items, names=names)
    return page


class _Read(HTMLParser):
    """Elements, and the text of cells and captions."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text: dict[str, list[str]] = {"td": [], "figcaption": [], "p": []}
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {key for key, _ in attrs}
        if tag in self.text:
            self._open.append(tag)
            self.text[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        if self._open and tag == self._open[-1]:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        for tag in self._open:
            self.text[tag][-1] += data


def _pictures(page: str) -> list[ElementTree.Element]:
    found = re.findall(r'<svg viewBox="[^"]*" role="img".*?</svg>', page, re.DOTALL)
    return [ElementTree.fromstring(text) for text in found]


def _boxes(svg: ElementTree.Element) -> dict[str, tuple[list[list[float]], dict[str, str]]]:
    """By what a tooltip says: left, top, right, bottom of the boxes, and how they are drawn."""
    drawn: dict[str, tuple[list[list[float]], dict[str, str]]] = {}
    for group in svg.iter("g"):
        for path in group:
            corner = re.fullmatch(r"M(\S+) (\S+)H(\S+)V(\S+)H\1Z", path.attrib["d"])
            assert corner
            boxes, _ = drawn.setdefault(path[0].text or "", ([], dict(group.attrib)))
            boxes.append([float(value) for value in corner.groups()])
    return drawn


def test_boxes_are_drawn_where_they_are() -> None:
    page = _shown("gallery", _report())
    (svg,) = _pictures(page)
    assert svg.attrib["viewBox"] == "0 0 320.0 160.0"
    image = svg.find("image")
    assert image is not None and image.attrib["href"] == f"data:image/jpeg;base64,{PICTURE}"
    assert (image.attrib["width"], image.attrib["height"]) == ("320.0", "160.0")
    drawn = _boxes(svg)
    assert {what: boxes for what, (boxes, _) in drawn.items()} == {
        "object: cat": [[32, 32, 96, 64]],
        "right: cat 0.93": [[32, 32, 96, 80]],
        f"wrong: {HOSTILE} 0.62": [[256, 32, 320, 80]],
        f"missed: {HOSTILE}": [[160, 80, 192, 112], [0, 80, 32, 112]],
    }
    looks = [look for _, look in drawn.values()]
    assert len({look["stroke"] for look in looks}) == 4
    assert len({look.get("stroke-dasharray") for look in looks}) == 4  # and without any color
    for look in looks:  # each is explained
        assert page.count(f'stroke="{look["stroke"]}"') == 2
    (rim,) = [path for path in svg.findall("path") if path.attrib["stroke"] == "#000"]
    assert rim.attrib["d"].count("M") == 5


def test_captions_say_what_tooltips_do() -> None:
    (caption,) = _Read(_shown("gallery", _report())).text["figcaption"]
    assert caption.startswith(f"a{HOSTILE}.jpg: 2 missed, 1 wrong")
    assert "missed 2 </script>" in caption and "…; wrong 1 </script>" in caption
    assert caption.endswith("… (0.62)")
    many = [{"box": [0, 0, 1, 1], "class_id": i, "score": 0.5, "right": False} for i in range(9)]
    item = {**ITEM, "truth": [], "found": [*many, {**many[0], "score": 0.9}], "wrong": 10}
    report = _report(gallery={"net": "0a@ncnn", "worst": [item]})
    (caption,) = _Read(_shown("gallery", report)).text["figcaption"]
    assert "wrong 2 cat (up to 0.90), 1 </script>" in caption
    assert caption.endswith("1 class 2 (0.50), 1 class 3 (0.50), …")


def test_disagreements_are_drawn_alike() -> None:
    (svg,) = _pictures(page := _compared([PAIR], NAMES))
    drawn = _boxes(svg)
    assert {what: boxes for what, (boxes, _) in drawn.items()} == {
        "fp32: cat 0.90": [[16, 64, 48, 128]],
        "int8: cat 0.70": [[16, 64, 48, 160]],
        f"fp32 alone: {HOSTILE} 0.80": [[80, 160, 96, 224]],
    }
    dashed = {what.split(":")[0]: "stroke-dasharray" in look for what, (_, look) in drawn.items()}
    assert dashed == {"fp32": True, "int8": False, "fp32 alone": True}
    assert _Read(page).text["figcaption"] == ["b.jpg: 1 of fp32 alone, 0 of int8 alone"]
    assert "class 1 0.80" in _compared([PAIR], NAMES[:1])


@pytest.mark.parametrize("name", ["heads", "gallery"])
def test_names_are_text(name: str) -> None:
    report = _report(nets=[_net(title=HOSTILE)])
    report["runs"] *= 2
    report["runs"][0]["name"] = HOSTILE
    read = _Read(_shown(name, report) + _compared([{**PAIR, "image": HOSTILE}], NAMES))
    assert "script" not in read.tags and "onload" not in read.attributes
    assert any(HOSTILE in text for text in read.text["p"] + read.text["figcaption"])


def test_numbers_of_the_heads_are_those_of_the_report() -> None:
    page = _shown("heads", _report())
    cells = _Read(page).text["td"]
    rows = [cells[start : start + 6] for start in range(0, len(cells), 6)]
    assert len(rows) == 4
    for row, counts in zip(rows, COUNTS.values(), strict=True):
        numbers = [int(re.findall(r"\d+", cell)[0]) for cell in row[1:]]
        assert numbers == [counts[key] for key in ("objects", "P3", "P4", "P5", "missed")]
    assert rows[0][2:] == ["20 (50.0 %)", "9 (22.5 %)", "1 (2.5 %)", "10 (25.0 %)"]
    assert [row[1] for row in rows] == ["40", "33", "7 (few)", "0 (few)"]
    assert rows[3][2:] == ["0"] * 4  # no share of none
    said = " ".join(_Read(page).text["p"])
    assert "P5 finds the fewest: 1 of the 30 objects that are found (3.3%), of 40 in all." in said
    assert "At a confidence of 0.41." in said
    assert heads_sentence(_advice()) + " Kept were P3, P5." in said


def test_the_wide_net_comes_first() -> None:
    wide = _net(id="0b@ncnn", role="baseline", title="YOLOv8n")
    small = _net(id="0c@ncnn", role="smaller", title="smaller images")
    page = _shown("heads", _report(nets=[_net(), small, wide]))
    assert page.index("YOLOv8n 320 px, ncnn fp32") < page.index("slim net 320 px, ncnn fp32")
    assert "smaller images" not in page
    many = [_net(id=f"{index}@ncnn") for index in range(15)]
    page = _shown("heads", _report(nets=many))
    assert page.count("<table>") == 12 and "3 more nets are in report.json" in page


def test_one_head_has_no_rival() -> None:
    counts = {"objects": 4, "P4": 3, "missed": 1}
    found = {"threshold": 0.2, "levels": ["P4"], "by_size": {"all": counts}}
    page = _shown("heads", _report(nets=[_net(details={"found_by": found})]))
    assert "finds the fewest" not in page and "3 (75.0 %)" in page


def test_what_is_missing_is_said() -> None:
    older = _report(nets=[_net(details=None)], runs=[], gallery=None)
    assert "Not measured" in heads.section(older)["missing"]
    assert "No picture" in gallery.section(older)["missing"]
    unknown = _net(details={**_net()["details"], "found_by": None})
    assert "missing" in heads.section(_report(nets=[unknown], runs=[]))
    page = _shown("heads", _report(nets=[unknown]))
    assert "Not measured" in page and "Kept were P3, P5." in page
    perfect = gallery.section(_report(gallery={"net": "0a@ncnn", "worst": []}))
    assert "On no image does slim net 320 px, ncnn fp32 miss" in perfect["missing"]
    # A merged report may have left the net out; its pictures say what they can.
    assert "the net: the 1 images" in _shown("gallery", _report(nets=[]))


def test_the_same_report_gives_the_same_bytes() -> None:
    again = json.loads(json.dumps(_report()))
    for name in ("heads", "gallery"):
        assert _shown(name, _report()) == _shown(name, again)


@needs_browser
def test_a_telephone_shows_it(tmp_path: Path) -> None:
    """390 pixels wide, nothing is cut off, and the boxes lie on the picture."""
    items = [{**ITEM, "image": "n" * 300}, {**ITEM, "width": 5, "height": 6000}, ITEM]
    report = _report(gallery={"net": "0a@ncnn", "worst": items})
    inner = _shown("heads", report) + _shown("gallery", report) + _compared([PAIR], NAMES)
    page = _environment().get_template("page.html.j2").render(script="", script_hash=NO_SCRIPT)
    script = """
        const sizes = [...document.querySelectorAll('svg[role=img]')].map((svg) => {
          const outer = svg.getBoundingClientRect();
          const photo = svg.querySelector('image').getBoundingClientRect();
          const boxes = [...svg.querySelectorAll('g path')].map((p) => p.getBoundingClientRect());
          return {height: outer.height, width: outer.width, apart: Math.max(...boxes.map((box) =>
            Math.max(photo.left - box.left, box.right - photo.right, box.bottom - photo.bottom)))};
        });
        return {wide: document.documentElement.scrollWidth, sizes};
    """
    told = answer_of(page.replace("<body>", f"<body>{inner}"), script, tmp_path)
    assert told["wide"] <= 390
    assert len(told["sizes"]) == 4
    for size in told["sizes"]:
        assert 300 < size["width"] < 390 and 100 < size["height"] < 400
        assert size["apart"] < 1
