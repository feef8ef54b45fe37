"""The section on latency: figures equal the report's, predictions look like none, gaps are said."""

from __future__ import annotations

import re
import time
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from edgeyolo.report.form import label
from edgeyolo.report.predictions import Comparison, Pair, comparisons
from tests.unit.fragments import HOSTILE, Fragment, fragment, is_harmless, net, report_of, view_of

Row = dict[str, Any]
SLIM, WIDE = "0123456789ab@slim", "0123456789ab@baseline"
LAYERS = [
    {"name": "/model.1/conv/Conv", "kind": "Conv", "ms": 3.0, "share": 0.75, "precision": "int8"},
    {"name": "(the other 40)", "kind": "", "ms": 1.0, "share": 0.25, "precision": None},
]


def _scope(ms: float) -> Row:
    return {
        "p50": ms,
        "p90": 1.1 * ms,
        "p99": 1.2 * ms,
        "p50_ci": [0.9 * ms, 1.05 * ms],
        "p90_ci": [1.05 * ms, 1.15 * ms],
        "p90_early_stopped": 1.13 * ms,
    }


def _samples(ms: float, rounds: int = 5, runs: int = 20) -> Row:
    """A round each two seconds."""
    random = np.random.default_rng(3)
    total = (ms * random.lognormal(0, 0.05, (rounds, runs))).tolist()
    return {
        "total_ms": total,
        "engine_ms": [[0.9 * value for value in part] for part in total],
        "at": [[1000.0 + 2 * n + ms * k / 1000 for k in range(runs)] for n in range(rounds)],
        "warmup_runs": 30,
    }


def timing(net_id: str = SLIM, ms: float = 60.0, **more: Any) -> Row:
    return {
        "net": net_id,
        "device": "pi",
        "sitting": 0,
        "kind": "measured",
        "threads": 4,
        "runs": 100,
        "engine_only_ms": _scope(0.9 * ms),
        "end_to_end_ms": _scope(ms),
        "camera_ms": {"p50": 1.5 * ms, "p90": 2 * ms, "p99": 3 * ms},
        "camera_dropped": 3,
        "sustained_ms": {"p50": ms, "p90": 1.25 * ms, "p99": 2 * ms},
        "load_ms": 812.0,
        "first_ms": 123.0,
        "peak_rss_mb": 77.0,
        "verdict": "stable",
        "ratio_to_baseline": None,
        "samples": _samples(ms),
        "layers": LAYERS,
        **more,
    }


def predicted(net_id: str = SLIM, ms: float = 62.0, device: str = "pi") -> Row:
    bounds = {"low_ms": ms - 7, "high_ms": ms + 7}
    head = {"net": net_id, "device": device, "sitting": None, "kind": "predicted"}
    return {**head, "latency_ms": ms, **bounds, "origin": "YOLOBench"}


def _state(at: float, celsius: float | None = 50.0, clocks: tuple[int, ...] = (1500,) * 4) -> Row:
    return {
        "at": at,
        "governor": "ondemand",
        "clocks_mhz": list(clocks),
        "measured_mhz": None,
        "celsius": celsius,
        "throttled": [],
        "load_1min": 0.3,
        "available_mb": 900,
    }


def device(name: str = "pi", **more: Any) -> Row:
    environment = {
        "machine": "Raspberry Pi 4",
        "cores": 4,
        "memory_mb": 4096,
        "system": "Linux 6.6 aarch64",
        "python": "3.11.2",
        "load_1min": 0.4,
        "versions": {"ncnn": "1.0.2", "numpy": "2.4"},
    }
    head = {"id": name, "machine": "Raspberry Pi 4", "kind": "measured"}
    return {**head, "environment": environment, "images": 16, **more}


def _report(*timings: Row, states: list[Row] | None = None, **parts: Any) -> Row:
    usual = {
        "nets": [net("slim"), net("baseline")],
        "devices": [device()],
        "sittings": [{"device": "pi", "states": states or []}],
    }
    return report_of(timings=list(timings), **{**usual, **parts})


def _figures(page: Fragment) -> list[ElementTree.Element]:
    found = re.findall(r"<svg.*?</svg>", page.html, re.DOTALL)
    return [ElementTree.fromstring(svg.replace("xlink:href", "href")) for svg in found]


def _words(figure: ElementTree.Element) -> list[str]:
    return ["".join(each.itertext()) for each in figure.iter() if each.tag.endswith("text")]


def test_each_scope_has_its_figures() -> None:
    page = fragment("latency", _report(timing(), timing(WIDE, 120.0)))
    slim, wide = (label(net(role)) for role in ("slim", "baseline"))
    assert page.table("Image to detections, ms") == [
        [slim, "60.00", "66.00", "63.00–69.00", "72.00", "67.80", "75.00", "4", "100", "stable"],
        [wide, "120.0", "132.0", "126.00–138.00", "144.0", "135.6", "150.0", "4", "100", "stable"],
    ]
    assert page.table("The engine alone, ms")[0][:5] == [
        *(slim, "54.00", "59.40"),
        *("56.70–62.10", "64.80"),
    ]
    assert page.table("Age of a camera's frames, ms")[0] == [slim, "90.00", "120.0", "180.0"]
    assert page.table("net, from a cold start")[0] == [slim, "812.0", "123.0", "30", "77.00"]
    assert "ncnn 1.0.2, numpy 2.4." in page.text
    assert "in the style of MLPerf" in page.text


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"verdict": "stable"}, "stable"),
        ({"verdict": "throttled"}, "throttled: the machine slowed itself down"),
        ({"verdict": "noisy"}, "noisy: its rounds drift apart"),
        (
            {"verdict": "noisy", "end_to_end_ms": {"p50": 10.0, "p90": 14.0, "p99": 20.0}},
            "noisy: p90 is 1.4 × p50",
        ),
        ({"verdict": None}, "not judged"),
    ],
)
def test_the_verdict_in_words(more: Row, words: str) -> None:
    page = fragment("latency", _report(timing(**more)))
    assert page.table("Image to detections, ms")[0][-1] == words


def test_layers_are_listed_with_their_sum() -> None:
    page = fragment("latency", _report(timing()))
    assert page.table(label(net())) == [
        ["/model.1/conv/Conv", "Conv", "3.000", "75.0 %", "int8"],
        ["(the other 40)", "", "1.000", "25.0 %", "–"],
        ["all layers", "", "4.000", "", ""],
    ]


def test_engines_say_what_their_layers_are() -> None:
    nets = [net("slim", id="a@onnxruntime"), net("slim", id="b@ncnn")]
    parts = {"nets": nets, "devices": [device()]}
    page = fragment("latency", _report(timing("a@onnxruntime"), timing("b@ncnn"), **parts))
    assert "QuickGelu is SiLU" in page.text
    assert "asked for one after the other" in page.text
    assert "OpenVINO counts" not in page.text


# Predictions


def test_what_a_bench_predicted_stands_beside_what_it_found() -> None:
    figures = {"latency_ms": 62.0, "low_ms": 55.0, "high_ms": 69.0, "origin": "YOLOBench"}
    slow = {**figures, "latency_ms": 48.6, "low_ms": 44.0, "high_ms": 53.0}
    page = fragment(
        "latency", _report(timing(ms=66.0, predicted=figures), timing(WIDE, 60.0, predicted=slow))
    )
    rows = page.table("net, the engine alone, p50")
    assert [row[1:] for row in rows] == [
        ["~62.0 ± 7.0", "59.40", "+4 %", "yes"],
        ["~48.6 ± 4.5", "54.00", "-10 %", "no"],
    ]
    assert "Mean absolute percentage error: 7.2 % of 2 nets; 1 of 2 in the interval" in page.text
    assert "Predicted from: YOLOBench." in page.text


def test_the_error_of_predictions_by_hand() -> None:
    pairs = [Pair("n", 4, ms, 0, 50, 40.0, "") for ms in (50.0, 30.0, 40.0)]
    assert Comparison("x", pairs).mape == pytest.approx(0.5 / 3)
    assert [pair.error for pair in pairs] == pytest.approx([0.25, -0.25, 0])


def test_a_search_and_a_bench_of_the_same_board() -> None:
    report = _report(timing(), predicted(), predicted(WIDE, 130.0))
    (found,) = comparisons(report, "pi")
    assert found.scope == "image to detections, p50"
    assert [(pair.predicted_ms, pair.measured_ms) for pair in found.pairs] == [(62.0, 60.0)]
    page = fragment("latency", report)
    assert "Not measured there, but predicted" in page.text
    assert ["~130 ± 7"] in [row[1:] for table in page.tables for row in table]


def test_a_board_that_nothing_was_measured_on() -> None:
    board = {"id": "pi", "machine": "Pi", "kind": "predicted", "environment": None, "images": 0}
    report = report_of(nets=[net()], devices=[board], timings=[predicted()])
    page = fragment("latency", report)
    assert "Nothing was measured on it, but predicted" in page.text
    assert page.table("net") == [[label(net()), "~62.0 ± 7.0"]]
    assert "<svg" not in page.html


# Figures


def test_figures_show_each_net_with_heat_and_clock() -> None:
    states = [_state(1000.0 + n, 50.0 + n) for n in range(10)]
    page = fragment("latency", _report(timing(), timing(WIDE, 120.0), states=states))
    strips, course = _figures(page)
    for figure in (strips, course):
        for role in ("slim", "baseline"):
            assert label(net(role)) in _words(figure)
    assert {"°C", "MHz"} <= set(_words(course))
    assert "tells no" not in page.text
    assert "Governor: ondemand." in page.text


def test_a_machine_that_tells_nothing_is_said_to() -> None:
    states = [_state(1000.0 + n, None, ()) for n in range(3)]
    page = fragment("latency", _report(timing(), states=states))
    assert "This machine tells no temperature and no clock." in page.text
    assert "MHz" not in _words(_figures(page)[1])
    unseen = fragment("latency", _report(timing()))
    assert "The machine was not watched meanwhile." in unseen.text


def test_what_the_firmware_said_is_said() -> None:
    states = [_state(1000.0), {**_state(1001.0), "throttled": ["under-voltage"]}]
    page = fragment("latency", _report(timing(), states=states))
    assert "It said meanwhile: under-voltage." in page.text


def test_another_day_is_another_figure() -> None:
    later = _samples(60.0)
    later["at"] = [[at + 90_000 for at in part] for part in later["at"]]
    report = _report(timing(), timing(WIDE, sitting=1, samples=later))
    report["sittings"].append({"device": "pi", "states": [_state(91_000.0)]})
    assert len(_figures(fragment("latency", report))) == 3


def test_several_numbers_of_threads_are_named() -> None:
    page = fragment("latency", _report(timing(threads=1), timing(threads=4), timing(WIDE)))
    names = [row[0] for row in page.table("Image to detections, ms")]
    slim = label(net())
    assert names == [f"{slim}, 1 threads", f"{slim}, 4 threads", label(net("baseline"))]


# What is missing, and what is strange


def test_nothing_was_timed() -> None:
    assert view_of("latency", report_of(nets=[net()])) == {"missing": "Nothing was timed."}


OLD = ("camera_ms", "camera_dropped", "sustained_ms", "samples", "layers", "verdict", "threads")


def test_an_older_file_says_what_it_lacks() -> None:
    old = {key: value for key, value in timing().items() if key not in OLD}
    old["end_to_end_ms"] = {key: old["end_to_end_ms"][key] for key in ("p50", "p90", "p99")}
    page = fragment("latency", _report(old, timing(WIDE, layers=None)))
    assert page.table("Image to detections, ms")[0][1:] == [
        *("60.00", "66.00", "–", "72.00", "–", "–", "–", "100", "not judged")
    ]
    for words in (
        "neither their spread nor their course is drawn: not kept for 1 of 2 timings.",
        "age of a camera's frames: not kept for 1 of 2 timings.",
        "The last third alone: not kept for 1 of 2 timings.",
        "What the layers take: not asked for in 1 of 2 timings.",
        "What the layers take: not told by baseline.",
    ):
        assert words in page.text
    assert len(_figures(page)) == 2


def test_the_least_that_a_timing_can_hold() -> None:
    scope = {"p50": 1.0, "p90": 1.0, "p99": 1.0}
    head = {"net": "unknown@null", "device": "pi", "kind": "measured", "end_to_end_ms": scope}
    page = fragment("latency", _report(head))
    assert page.table("Image to detections, ms")[0][0] == "unknown@null"


@pytest.mark.parametrize(("rounds", "figures"), [([[5.0]], 2), ([[0.0]], 2), ([[], []], 0)])
def test_few_runs_or_none(rounds: list[list[float]], figures: int) -> None:
    samples = {"total_ms": rounds, "engine_ms": rounds, "at": rounds, "warmup_runs": 0}
    page = fragment("latency", _report(timing(samples=samples)))
    assert len(_figures(page)) == figures


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_are_text(text: str) -> None:
    nets = [net("slim", id="a@x", title=text)]
    layers = [{**LAYERS[0], "name": text}]
    parts = {"nets": nets, "devices": [device(machine=text)]}
    page = fragment("latency", _report(timing("a@x", layers=layers), **parts))
    assert is_harmless(page)
    assert " ".join(label(nets[0]).split()) == page.table("Image to detections, ms")[0][0]
    assert len(_figures(page)) == 2


def _many(count: int) -> Row:
    nets = [net("slim", id=f"{n:012x}@ncnn", title=f"net {n}") for n in range(count)]
    timings = [
        timing(each["id"], 10.0 + n, samples=_samples(10.0 + n, 20)) for n, each in enumerate(nets)
    ]
    return _report(*timings, nets=nets, devices=[device()])


def test_fifty_nets_are_drawn_in_time_and_the_same_each_time() -> None:
    report = _many(50)
    fragment("latency", _many(1))  # matplotlib is loaded before
    started = time.perf_counter()
    page = fragment("latency", report)
    assert time.perf_counter() - started < 10
    assert len(page.table("Image to detections, ms")) == 50
    assert "The first 12 of 50 timings." in page.text
    strips, course = _figures(page)
    for figure in (strips, course):
        shown = {word for word in _words(figure) if word.startswith("net ")}
        assert shown == {f"net {n} 320 px, ncnn fp32" for n in range(12)}
    assert "38 more are in report.json." in page.text
    assert len(page.html) < 400_000
    assert fragment("latency", report).html == page.html


def test_a_long_soak_is_thinned() -> None:
    short, long = (
        fragment("latency", _report(timing(samples=_samples(10.0, rounds)))) for rounds in (11, 900)
    )
    assert len(long.html) < 1.3 * len(short.html)
