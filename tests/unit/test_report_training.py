"""The section on trainings: curves, tables, and what came in between in words."""

from __future__ import annotations

import re
import time
from typing import Any
from xml.etree import ElementTree

import pytest

pytest.importorskip("matplotlib")

from edgeyolo.report.sections.training import duration
from edgeyolo.report.training_figures import best_of, chosen_of, losses_svg, map_svg
from tests.unit.fragments import HOSTILE, fragment, is_harmless, report_of, view_of


def told(name: str = "net", values: tuple[float | None, ...] = (0.1, 0.3, 0.2), **more: Any) -> Any:
    return {
        "name": name,
        "device": "cpu",
        "gpu": None,
        "images": 205,
        "planned_epochs": len(values),
        "is_finished": True,
        "seconds": 98.3,
        "lost_seconds": 0.0,
        "map50_95": list(values),
        "map50": list(values),
        "loss": {"box_loss": [2.0 - 0.1 * n for n in range(len(values))]},
        "trained_twice": [],
        "resumed": [],
        "batch": 16,
        "batch_limit": None,
        "halved": [],
        "imgsz": 320,
        "seed": 3,
        "patience": None,
        "distill": 0.0,
        "distill_features": 0.0,
        "freeze": None,
        "teacher": None,
        "inherited": None,
        **more,
    }


def _report(*trainings: Any, run: str = "r") -> dict[str, Any]:
    return report_of(runs=[{"name": run, "trainings": list(trainings), "pretraining": None}])


def _notes(**more: Any) -> str:
    return fragment("training", _report(told(**more))).table("training")[0][-1]


def test_a_row_for_each() -> None:
    page = fragment("training", _report(told("wide"), told("net", (0.1, None), seconds=754.0)))
    assert page.table("training") == [
        ["wide", "3", "0.3000", "2", "98 s", "cpu", "205", "16", "320", "3", ""],
        ["net", "2", "0.1000", "1", "13 min", "cpu", "205", "16", "320", "3", ""],
    ]
    assert "14 min in all" in page.text and "details" not in page.tags
    assert "Losses on the training images" in page.text and "box_loss" in page.text


def test_what_came_in_between() -> None:
    parts = [
        {"epoch": 0, "after": "halved"},
        {"epoch": 3, "after": "stopped"},
        {"epoch": 5, "after": "killed"},
        {"epoch": 6, "after": "failed"},
    ]
    said = _notes(resumed=parts, trained_twice=[4, 6], lost_seconds=12.0, halved=[8, 4])
    assert "taken up again after epoch 3 (it was asked to stop)" in said
    assert "taken up again after epoch 5 (it was killed, or the power went)" in said
    assert "taken up again after epoch 6 (it failed)" in said
    assert "epoch 0" not in said
    assert "trained twice: epoch 4, 6 (12 s lost)" in said
    assert "batch halved to 8" in said and "batch halved to 4" in said
    row = fragment("training", _report(told(halved=[8, 4]))).table("training")[0]
    assert row[7] == "4", "the batch that it came down to"


def test_how_it_ended() -> None:
    assert _notes(planned_epochs=9, patience=1) == "ended early: 1 epoch without a better one"
    assert _notes(planned_epochs=9) == "not trained to the end"
    assert _notes(planned_epochs=9, patience=1, is_finished=False) == "not trained to the end"
    assert _notes(values=(0.1, 0.2)) == "the last epoch was the best: more might gain"
    row = fragment("training", _report(told(planned_epochs=9))).table("training")[0]
    assert row[1] == "3 of 9"


def test_the_teacher() -> None:
    assert _notes(distill=1.0, teacher="wide.pt") == "taught by wide.pt (weight 1)"
    taught = _notes(distill=0.5, distill_features=2.0, teacher="w.pt", freeze="backbone")
    assert taught == "taught by w.pt (weight 0.5, its neck 2); frozen: backbone"


def test_reports_of_before_are_shown_as_well() -> None:
    recall = {"before": {"overall": 0.92}, "after": {"overall": 0.41}}
    inherited = {"summary": {"sliced": 5, "new": 2}, "importance": "l1", "recall": recall}
    old = {
        "name": "net",
        "device": "cpu",
        "seconds": 9.0,
        "map50_95": [0.1],
        "inherited": inherited,
    }
    page = fragment("training", _report(old, run="net"))
    row = page.table("training")[0]
    assert row == ["net", "1", "0.1000", "1", "9 s", "cpu", "–", "–", "–", "–", ""]
    assert "Losses were not kept" in page.text
    (item,) = page.items
    assert "5 sliced, 2 new" in item and "41 % of the objects" in " ".join(item.split())
    assert "92 %" in item


def test_a_backbone_that_learned_to_classify_first() -> None:
    data = {"name": "<shapes>", "classes": ["a", "b"], "images": {"train": 120, "val": 40}}
    top1 = {"value": 0.9, "images": 40, "ci": [0.77, 0.96]}
    outcome = {"data": data, "epochs": 20, "seconds": 61.2, "top1": top1}
    page = fragment("training", report_of(runs=[{"name": "r", "pretraining": outcome}]))
    assert "120 images of 2 classes from <shapes> , 20 epochs in 61 s." in page.text.replace(
        "<shapes>,", "<shapes> ,"
    )
    assert "right on 90% of the 40 images held back [77%, 96%]" in page.text


def test_none_is_said() -> None:
    assert "missing" in view_of("training", report_of())
    assert "missing" in view_of("training", _report())


def test_names_of_several_runs_are_told_apart() -> None:
    runs = [{"name": name, "trainings": [told("wide"), told(name)]} for name in ("one", "two")]
    rows = fragment("training", report_of(runs=runs)).table("training")
    assert [row[0] for row in rows] == ["one: wide", "one", "two: wide", "two"]


def test_fifty_are_drawn_in_seconds_and_small() -> None:
    values = tuple(0.5 - 0.4 / (n + 1) for n in range(300))
    trainings = [told(f"net {n}", (*values, 0.5 + n / 1000)) for n in range(50)]
    began = time.monotonic()
    report = _report(*trainings)
    page = fragment("training", report)
    assert time.monotonic() - began < 10
    assert len(page.html) < 400_000
    assert "In color the 5 of 50 trainings" in page.text and "details" in page.tags
    legend = {word for word in page.words if re.fullmatch(r"net \d+", word)}
    assert {f"net {n}" for n in range(45, 50)} <= legend
    figure = "".join(page.words[: page.words.index("training")])
    assert "net 49" in figure and "net 44" not in figure
    assert len(page.table("training")) == 50
    assert fragment("training", report).html == page.html


def test_hostile_names() -> None:
    runs = [{"name": name, "trainings": [told("_wide $x$ </svg>")]} for name in HOSTILE]
    page = fragment("training", report_of(runs=runs))
    assert is_harmless(page)
    figure = page.html[page.html.index("<svg") : page.html.index("</svg>")]
    assert "long long" in figure and "long " * 10 not in figure, "cut to what has room"
    assert "\u202e" not in figure and "$x$" in figure, "no formula, and no mark that turns a line"
    assert [row[0] for row in page.table("training")] == [
        " ".join(f"{name}: _wide $x$ </svg>".split()) for name in HOSTILE
    ]


def test_curves_hold_each_epoch() -> None:
    ElementTree.fromstring(map_svg([("a", told(values=(0.1, None, 0.3)))]))
    ElementTree.fromstring(map_svg([("one epoch", told(values=(0.1,)))]))
    assert losses_svg([("a", told(loss={}))]) == ""
    one, two = told(values=(0.1, 0.4)), told(values=(0.1, 0.3))
    assert map_svg([("a", one)]) != map_svg([("a", two)])


def test_the_best() -> None:
    assert best_of(told(values=(0.1, 0.3, None, 0.3))) == (2, 0.3)
    assert best_of(told(values=(None, None))) == (0, -1.0)
    many = [(str(n), told(values=(n / 100,))) for n in range(20)]
    assert [name for name, _ in chosen_of(many)] == ["15", "16", "17", "18", "19"]
    assert len(chosen_of(many[:8])) == 8


def test_duration() -> None:
    assert [duration(s) for s in (0, 98.3, 754, 7200, 20000)] == [
        *("0 s", "98 s", "13 min", "2.0 h", "5.6 h")
    ]
