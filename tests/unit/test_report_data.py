"""The sections on data and on the nets: what they show is what the report holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from edgeyolo.dataset.statistics import SplitFigures
from edgeyolo.report.statistics import statistics
from edgeyolo.slim.cost import PARTS, cost, parts_of
from edgeyolo.slim.spec import SlimSpec
from tests.unit.fragments import HOSTILE, data_of, fragment, is_harmless, net, report_of, view_of

SPECS = (
    SlimSpec(),
    SlimSpec(width=0.125, heads=("P3", "P4"), reg_max=1, cut_backbone=True),
    SlimSpec(heads=("P4", "P5"), reg_max=8, activation="relu"),
    SlimSpec(heads=("P5",)),
)


def _figures(sides: list[float], classes: list[int], images: int) -> SplitFigures:
    count = len(sides)
    return SplitFigures(
        np.array(classes, np.int64),
        np.arange(count) % images,
        np.full((count, 2), 0.5),
        np.array(sides, np.float64) / 320,
        np.ones(count),
        np.full((images, 2), 320),
    )


def _statistics(names: list[str], **changes: Any) -> dict[str, Any]:
    """40 boxes of the first class in train, 4 of the second; one in val."""
    splits = {
        "train": _figures([5.0] * 10 + [50.0] * 20 + [100.0] * 14, [0] * 40 + [1] * 4, 20),
        "val": _figures([200.0], [0], 2),
        "test": _figures([], [], 3),
    }
    told = statistics("", names, splits, 320)
    return {**told, "duplicates": [], "problems": [], **changes}


def _report(names: list[str], **changes: Any) -> dict[str, Any]:
    found = _statistics(names, **changes)
    return report_of(data=data_of(classes=names, statistics=found), nets=[net(strides=[8, 16])])


def test_the_splits_beside_each_other() -> None:
    page = fragment("data", _report(["a", "b", "never"]))
    assert page.table("split") == [
        ["train", "20", "44", "0", "2.2", "3", "50 (90 %: 5–100)"],
        ["val", "2", "1", "1", "0.5", "1", "200 (90 %: 200–200)"],
        ["test", "3", "0", "3", "0.0", "0", "–"],
    ]
    assert page.table("class") == [
        ["a", "40", "20", "1 (few)", "1", "0 (few)", "0"],
        ["b", "4 (few)", "4", "0 (few)", "0", "0 (few)", "0"],
        ["never", "0 (few)", "0", "0 (few)", "0", "0 (few)", "0"],
    ]
    assert page.table("level, sides it mostly serves") == [
        ["P3 to 64 px", "8", "30 (68.2 %)", "0 (0.0 %)", "0", "none"],
        ["P4 to 150 px", "16", "14 (31.8 %)", "0 (0.0 %)", "0", "none"],
        ["P5 above 150 px", "32", "0 (0.0 %)", "1 (100.0 %)", "0", "slim net 320 px"],
    ]
    assert "details" not in page.tags
    assert "None in any split." in page.text
    assert "None, neither the same bytes nor nearly the same." in page.text


def test_the_figure_marks_strides_and_levels() -> None:
    page = fragment("data", _report(["a", "b"]))
    figure = page.html[page.html.index("<svg") : page.html.index("</svg>")]
    for words in ("stride 8", "stride 16", "stride 32", "P3, stride 8", "train", "val", "0 - 8"):
        assert f">{words}<" in figure
    assert "for 192 px sizes scale with it" not in page.text
    report = _report(["a", "b"])
    report["nets"].append(net(imgsz=192))
    assert "of an input of 320 px; for 192 px sizes scale with it" in fragment("data", report).text


def test_duplicates_and_problems() -> None:
    shared = {"split": "val", "of": "train", "images": 3, "examples": [["x.jpg", "y.jpg"]]}
    problem = {"code": "class-rare", "severity": "notice", "count": 7, "examples": ["data.yaml"]}
    duplicates = [{"kind": "same", **shared}, {"kind": "nearly", **shared, "images": 1}]
    page = fragment("data", _report(["a", "b"], duplicates=duplicates, problems=[problem]))
    assert "3 images of val: the same, byte for byte, as one of train" in page.text
    assert "1 image of val: nearly the same as one of train" in page.text
    assert "x.jpg ( y.jpg )" in page.text
    assert page.table("what") == [["class-rare", "notice", "7", "data.yaml"]]


def test_eighty_hostile_classes_are_folded_and_shown_as_text() -> None:
    names = [*HOSTILE, *(f"class {number}" for number in range(76))]
    page = fragment("data", _report(names))
    assert [row[0] for row in page.table("class")] == [" ".join(name.split()) for name in names]
    assert is_harmless(page) and "details" in page.tags
    assert page.html.count("<details") == page.html.count("</details>") == 1


def test_what_is_missing_is_said() -> None:
    assert "missing" in view_of("data", report_of())
    page = fragment("data", report_of(data=data_of()))
    assert page.table("split") == [["train", "205", "2804"], ["val", "87", "1137"]]
    assert "are missing: they were not kept when this run was made" in page.text
    assert "missing" in view_of("model", report_of())
    page = fragment("model", report_of(nets=[net(parameters=None, gflops=None)]))
    assert "Not known by part" in page.text and "Not measured" in page.text
    assert page.table("file")[0][1:] == ["w0.125-d0.33", "–", "–", "3.70"]


@pytest.mark.parametrize("section", ["data", "model"])
def test_the_same_bytes_each_time(section: str) -> None:
    report = _report(["a", "b"])
    report["nets"] = [net(parts=parts_of(SlimSpec(), 2, 320))]
    assert fragment(section, report).html == fragment(section, report).html


@pytest.mark.parametrize("spec", SPECS, ids=[spec.name for spec in SPECS])
def test_parts_are_the_whole_net(spec: SlimSpec) -> None:
    parts, whole = parts_of(spec, 3, 320), cost(spec, 3, 320)
    levels = ["backbone", "neck", *spec.heads]
    assert list(parts) == [*levels, "DFL"][: len(levels) + (spec.reg_max > 1)]
    assert sum(part["parameters"] for part in parts.values()) == whole.parameters
    assert sum(part["file_size_bytes"] for part in parts.values()) == whole.file_size_bytes
    assert sum(p["gflops"] for p in parts.values()) == pytest.approx(whole.gflops, abs=5e-4)
    for part in PARTS[:2]:
        assert parts[part] == cost(spec, 3, 320, part).to_dict()
    if spec.reg_max > 1:
        assert parts["DFL"]["parameters"] == spec.reg_max


def test_the_nets_and_their_parts() -> None:
    parts = parts_of(SlimSpec(), 2, 320)
    cut = parts_of(SPECS[1], 2, 320)
    nets = [
        net("baseline", name="w0.25-d0.33", parts=parts, parameters=3_011_238),
        net("baseline", name="w0.25-d0.33", parts=parts, engine="openvino", id="b@openvino"),
        net(parts=cut, strides=[8, 16], precision="int8", file_size_bytes=912_345),
    ]
    page = fragment("model", report_of(nets=nets))
    files = page.table("file")
    assert files[0] == ["wide net 320 px, ncnn fp32", "w0.25-d0.33", "3,011,238", "0.712", "3.70"]
    assert files[2][0] == "slim net 320 px, ncnn int8" and files[2][4] == "0.91"
    gflops, parameters = page.table("GFLOPs of"), page.table("parameters of")
    assert len(gflops) == len(parameters) == 2, "one row for all engines of a net"
    columns = ["backbone", "neck", "P3", "P4", "P5", "DFL"]
    assert parameters[0][1:] == [f"{parts[part]['parameters']:,}" for part in columns]
    assert gflops[0][1].startswith(f"{parts['backbone']['gflops']:.3f} (39 %)")
    assert gflops[1][5:] == parameters[1][5:] == ["–", "–"], "no P5 and no DFL"


def test_memory_and_start_on_each_device() -> None:
    figures = {"kind": "measured", "threads": 4, "peak_rss_mb": 80.4, "load_ms": 84.87}
    timings = [
        {"net": "0123456789ab@slim", "device": "pi", **figures, "first_ms": 12.0},
        {"net": "0123456789ab@slim", "device": "pc", **figures, "first_ms": None},
        {"net": "0123456789ab@slim", "device": "nano", "kind": "predicted", "latency_ms": 9.0},
    ]
    devices = [{"id": "pi", "machine": "Pi <5>"}, {"id": "pc", "machine": "PC"}]
    page = fragment("model", report_of(nets=[net()], timings=timings, devices=devices))
    name = "slim net 320 px, ncnn fp32"
    tables = [table for table in page.tables if table[0][-1] == "first run, ms"]
    assert tables[0][1:] == [
        [name, "Pi <5>", "4", "80", "84.9", "12.0"],
        [name, "PC", "4", "80", "84.9", "–"],
    ]
