"""The page says what the JSON says, needs nothing else, and works in a real browser."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeyolo.files import read_json
from edgeyolo.report.form import checked
from edgeyolo.report.html import SECTIONS, render
from edgeyolo.report.write import CARD, JSON, PAGE, PNG, SVG, TABLE, write_report
from tests.browser import answer_of, needs_browser, shown
from tests.conftest import ROOT
from tests.report_specimen import HOSTILE, specimen, timing


class Page(HTMLParser):
    """Collects addresses, text and the cells of tables."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.rows: list[list[str]] = []
        self.tags: list[str] = []
        self._in_cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        links = ("src", "href", "xlink:href", "action", "data", "poster", "srcset")
        self.addresses += [value or "" for name, value in attrs if name in links]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self._in_cell:
            self.rows[-1][-1] += data

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def rows_of(self, *names: str) -> list[list[str]]:
        """The rows that begin with one of these."""
        cells = [[" ".join(cell.split()) for cell in row] for row in self.rows]
        return [row for row in cells if row and row[0] in names]

    def row(self, first: str, columns: int) -> list[str]:
        """The first row that begins so and has that many cells."""
        return next(row for row in self.rows_of(first) if len(row) == columns)


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return specimen()


@pytest.fixture(scope="module")
def page(report: dict[str, Any]) -> str:
    return render(report)


def _golden() -> dict[str, Any]:
    """One that an earlier version made, of two engines and a board that was predicted."""
    found: dict[str, Any] = checked(read_json(ROOT / "tests" / "golden" / "report.json"), "golden")
    return found


@pytest.mark.parametrize("made", [specimen, _golden])
def test_the_table_of_nets_is_that_of_the_json(made: Callable[[], dict[str, Any]]) -> None:
    report = made()
    page = Page(render(report))
    for net in report["nets"]:
        label = f"{net['title']} {net['imgsz']} px, {net['engine']} {net['precision']}"
        timed = next(t for t in report["timings"] if t["net"] == net["id"])["end_to_end_ms"]
        cells = next(row for row in page.rows_of(label, f"{label} ◆") if len(row) == 10)
        accuracy = net["accuracy"]
        value, low, high = (float(x) for x in re.findall(r"[0-9.]+", cells[1]))
        assert value == pytest.approx(accuracy["map50_95"], abs=6e-4)
        assert [low, high] == pytest.approx(accuracy["map50_95_ci"], abs=6e-4)
        assert float(cells[3]) == pytest.approx(accuracy["map50"], abs=6e-4)
        p90, *_ = (float(x) for x in re.findall(r"[0-9.]+", cells[4]))
        assert p90 == pytest.approx(timed["p90"], abs=0.06)
        assert float(cells[5]) == pytest.approx(timed["p50"], abs=0.06)
        assert float(cells[8]) == pytest.approx(net["parameters"] / 1e6, abs=0.006)
        if net["role"] == "baseline":
            assert cells[2] == "baseline"
        else:
            low, high = accuracy["versus_baseline"]["ci"]
            assert ("inconclusive" in cells[2]) is (low <= 0 <= high)
            points = float(re.findall(r"[-+][0-9.]+", cells[2])[0])
            assert points == pytest.approx(
                100 * accuracy["versus_baseline"]["difference"], abs=0.06
            )


def test_what_it_gets_wrong_is_that_of_the_json(report: dict[str, Any], page: str) -> None:
    net = report["nets"][0]
    told = net["details"]
    common, ways = told["operating"]["common"], told["mistakes"]["ways"]
    assert Page(page).row("slim net 320 px, ncnn fp32", 12)[1:] == [
        f"{common['threshold']:.2f}",
        *(f"{common['micro'][key]:.3f}" for key in ("precision", "recall", "f1")),
        str(told["mistakes"]["right"]),
        *(str(count) for count in ways.values()),
    ]
    for name, counts in zip(("cat", "dog"), (0, 2), strict=True):
        line = told["mistakes"]["confusion"][counts]
        assert Page(page).row(name, 6)[1:] == [str(count) for count in line]


def test_of_many_classes_the_most_frequent_confusions(report: dict[str, Any]) -> None:
    many = json.loads(json.dumps(report))
    many["data"]["classes"] = [f"class {index}" for index in range(13)]
    confusion = np.zeros((14, 14), int)
    confusion[2, 5], confusion[7, 13], confusion[3, 3] = 9, 4, 99
    many["nets"][0]["details"]["mistakes"]["confusion"] = confusion.tolist()
    found = Page(render(many))
    assert found.row("class 2", 3) == ["class 2", "class 5", "9"]
    assert found.row("class 7", 3) == ["class 7", "missed", "4"]


def test_a_predicted_board_has_figures_of_its_own() -> None:
    report = _golden()
    page = Page(render(report))
    timings = [t for t in report["timings"] if t["kind"] == "predicted"]
    assert timings
    for timing_ in timings:
        net = next(net for net in report["nets"] if net["id"] == timing_["net"])
        label = f"{net['title']} {net['imgsz']} px, {net['engine']} {net['precision']}"
        cells = next(row for row in page.rows_of(label, f"{label} ◆") if len(row) == 9)
        middle, half = (float(x) for x in re.fullmatch(r"~([\d.]+) ± ([\d.]+)", cells[4]).groups())  # type: ignore[union-attr]
        assert middle == pytest.approx(timing_["latency_ms"], abs=0.06)
        assert half == pytest.approx((timing_["high_ms"] - timing_["low_ms"]) / 2, abs=0.06)


def test_every_section_is_there(page: str) -> None:
    for section in SECTIONS:
        assert f'id="{section.name}"' in page


@pytest.mark.parametrize("part", ["details", "draws", "timings", "runs", "data", "statistics"])
def test_what_is_missing_is_said(report: dict[str, Any], part: str) -> None:
    less = json.loads(json.dumps(report))
    for net in less["nets"]:
        if part == "details":
            net["details"] = None
        if part == "draws":
            del net["accuracy"]["draws"]
    if part in ("timings", "runs"):
        less[part] = []
    if part == "data":
        less["data"] = None
        less["nets"] = [{**net, "accuracy": None, "details": None} for net in less["nets"]]
    text = Page(render(less)).text
    expected = {
        "details": "Not measured when this was made: thresholds",
        "draws": "mAP50-95",
        "timings": "No net has both an accuracy and a latency.",
        "runs": "mAP50-95",
        "data": "No net of this report was judged.",
        "statistics": "mAP50-95",
    }
    assert expected[part] in text


def test_nothing_is_loaded_from_elsewhere(page: str) -> None:
    inside = ("#", "data:image/")
    assert [a for a in Page(page).addresses if not a.startswith(inside)] == []
    assert "a" not in Page(page).tags
    assert "@import" not in page and not re.search(r"url\((?!#)", page)


def test_a_hostile_name_is_text(report: dict[str, Any], page: str) -> None:
    assert report["data"]["classes"][1] == HOSTILE
    assert HOSTILE in Page(page).words or HOSTILE in "".join(Page(page).words)
    assert "</script><b>" not in re.sub(r"<\\/script>", "", page)
    assert page.count("</script>") == page.count("<script")


def test_the_embedded_json_is_the_report_without_its_weight(
    report: dict[str, Any], page: str
) -> None:
    match = re.search(r'<script type="application/json" id="report">(.*?)</script>', page)
    assert match
    found = json.loads(match[1])
    assert found["format"] == report["format"] and found["data"] == report["data"]
    assert [net["id"] for net in found["nets"]] == [net["id"] for net in report["nets"]]
    assert "draws" not in found["nets"][0]["accuracy"]
    assert found["timings"][0]["end_to_end_ms"] == report["timings"][0]["end_to_end_ms"]


def test_identical_input_gives_identical_files(report: dict[str, Any], tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_report(json.loads(json.dumps(report)), tmp_path / name)
    for name in (JSON, PAGE, TABLE, CARD, SVG, PNG):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    assert json.loads((tmp_path / "a" / JSON).read_text()) == report


def test_fifty_candidates(report: dict[str, Any]) -> None:
    many = json.loads(json.dumps(report))
    for index in range(47):
        copied = {**many["nets"][0], "id": f"{index}@ncnn", "title": f"net {index}"}
        many["nets"].append(copied)
        many["timings"].append(timing(f"{index}@ncnn", 10.0 + index))
    start = time.process_time()
    text = render(many)
    print(f"{time.process_time() - start:.1f} s of the processor, {len(text) / 1e6:.2f} MB")
    assert len(text) < 1e6
    assert "net 46 320 px" in text


def _crowded(index: int) -> dict[str, Any]:
    """A picture of the largest size that there may be, with eighty boxes."""
    boxes = [[x / 10, y / 10, x / 10 + 0.05, y / 10 + 0.05] for x in range(8) for y in range(5)]
    return {
        "image": f"{index}.jpg",
        "width": 640,
        "height": 480,
        "picture": base64.b64encode(bytes(16_500)).decode(),
        "truth": [{"box": box, "class_id": 0, "missed": True} for box in boxes],
        "found": [{"box": b, "class_id": 1, "score": 0.5, "right": False} for b in boxes],
        "missed": 40,
        "wrong": 40 - index,
    }


@pytest.mark.parametrize("nets", [3, 50])
def test_a_page_with_its_gallery_is_below_a_megabyte(report: dict[str, Any], nets: int) -> None:
    full = json.loads(json.dumps(report))
    full["gallery"] = {"net": full["nets"][0]["id"], "worst": [_crowded(i) for i in range(20)]}
    for index in range(nets - len(full["nets"])):
        full["nets"].append({**full["nets"][0], "id": f"{index}@ncnn", "title": f"net {index}"})
        full["timings"].append(timing(f"{index}@ncnn", 10.0 + index))
    text = render(full)
    assert len(text) < 1e6
    assert "0.jpg" in text and text.count("data:image/jpeg") >= 5


@needs_browser
def test_a_browser_shows_it(page: str, tmp_path: Path) -> None:
    done = shown(page, tmp_path)
    assert "30% of the parameters" in done.stdout and "<svg" in done.stdout
    assert "Content Security Policy" not in done.stderr
    assert "CONSOLE" not in done.stderr, done.stderr


_SORTED = """
const table = document.querySelector("#tradeoff table.sortable");
const heading = table.tHead.rows[0].cells[4];
const column = () => [...table.tBodies[0].rows].map((row) => +row.cells[4].dataset.value);
heading.click(); const up = column();
heading.click(); const down = column();
const sorts = heading.getAttribute("aria-sort");
return { up, down, sorts, wide: document.documentElement.scrollWidth, seen: innerWidth };
"""


@needs_browser
def test_tables_sort_and_a_phone_is_wide_enough(page: str, tmp_path: Path) -> None:
    told = answer_of(page, _SORTED, tmp_path)
    assert told["up"] == [16.0, 18.0, 40.0]
    assert told["down"] == [40.0, 18.0, 16.0]
    assert told["sorts"] == "descending"
    assert told["seen"] == 390
    assert told["wide"] <= 390


_UNFOLDED = """
document.querySelectorAll("details").forEach((part) => { part.open = true; });
const sections = document.querySelectorAll("details.section").length;
return { wide: document.documentElement.scrollWidth, sections };
"""


@needs_browser
def test_unfolded_it_still_fits_a_phone(page: str, tmp_path: Path) -> None:
    told = answer_of(page, _UNFOLDED, tmp_path)
    assert told["sections"] == len(SECTIONS) - 1
    assert told["wide"] <= 390
