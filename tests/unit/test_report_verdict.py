"""The first sentences, the table and the model card say what the JSON says."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from edgeyolo.report.card import model_card
from edgeyolo.report.points import front_of, points_of, told_apart
from edgeyolo.report.results_csv import results_csv
from edgeyolo.report.verdict import sentences, verdict
from tests.report_specimen import NAMES, specimen, timing


def _accuracy(report: dict[str, Any], index: int) -> dict[str, Any]:
    found: dict[str, Any] = report["nets"][index]["accuracy"]
    return found


def _set(report: dict[str, Any], index: int, value: float, low: float, high: float) -> None:
    accuracy = _accuracy(report, index)
    accuracy |= {"map50_95": value, "map50_95_ci": [value - 0.02, value + 0.02]}
    base = _accuracy(report, 1)["map50_95"]
    accuracy["versus_baseline"] = {"difference": value - base, "ci": [low, high]}


@pytest.fixture
def report() -> dict[str, Any]:
    """Slim 0.695, wide 0.70, smaller 0.60."""
    made = specimen()
    _set(made, 1, 0.70, 0.0, 0.0)
    _set(made, 0, 0.695, -0.012, 0.003)
    _set(made, 2, 0.60, -0.13, -0.07)
    return made


def test_the_fastest_that_is_as_good(report: dict[str, Any]) -> None:
    said = "\n".join(sentences(report))
    assert (
        "On Pi <5> the fastest within 1 point of the baseline by what these images show: slim net "
        "320 px, ncnn fp32, 2.2x as fast, p90 18.0 ms against 40.0 ms; its mAP50-95 differs by "
        "-0.5 points [-1.2, +0.3], which these images cannot tell from no change." in said
    )
    report["budget"]["within_points"] = 0.4
    said = "\n".join(sentences(report))
    assert "no net is both faster than the baseline (wide net 320 px, ncnn fp32, 40.0 ms)" in said
    assert "within 0.4 points of the baseline" in said
    report["budget"]["within_points"] = 20
    assert (
        "within 20 points of the baseline by what these images show: wide net 192 px"
        in "\n".join(sentences(report))
    )


def test_a_speedup_is_that_of_the_rounds_and_unsteady_times_are_said(
    report: dict[str, Any],
) -> None:
    for timing_, rounds in zip(
        report["timings"], ([[10.0], [20.0]], [[40.0], [40.0]]), strict=False
    ):
        timing_ |= {"samples": {"total_ms": rounds}, "verdict": "noisy"}
    said = "\n".join(sentences(report))
    assert "3.0x as fast (2.0 to 4.0 over the rounds), p90 18.0 ms against 40.0 ms" in said
    assert "on a machine that was not steady: measure again" in said
    assert "takes 0.33x the time (0.25 to 0.50 over the rounds)" in said


def test_latency_alone_is_said(report: dict[str, Any]) -> None:
    report["nets"] = [{**net, "accuracy": None, "details": None} for net in report["nets"]]
    assert "Latency alone: no accuracy of these nets is known" in "\n".join(sentences(report))


def test_the_best_within_a_budget(report: dict[str, Any]) -> None:
    report["budget"]["latency_ms"] = 17.0
    assert "The best under 17.0 ms on Pi <5>: wide net 192 px, ncnn fp32, p90 16.0 ms" in "\n".join(
        sentences(report)
    )
    report["budget"]["latency_ms"] = 10.0
    assert "None is under 10.0 ms on Pi <5>; the fastest is wide net 192 px" in "\n".join(
        sentences(report)
    )
    report["budget"]["device"] = "elsewhere"
    assert "under 10.0 ms" not in "\n".join(sentences(report))


def test_predicted_never_looks_measured(report: dict[str, Any]) -> None:
    board = {"id": "b", "machine": "board", "kind": "predicted", "environment": None, "images": 0}
    report["devices"].append(board)
    figures = {"latency_ms": 58.04, "low_ms": 51.2, "high_ms": 65.4}
    for net_id in ("slim@ncnn", "wide@ncnn"):
        report["timings"].append(
            {"net": net_id, "device": "b", "sitting": None, "kind": "predicted", **figures}
        )
    report["budget"] |= {"latency_ms": 66.0, "device": "b"}
    said = "\n".join(sentences(report))
    assert (
        "The best under 66.0 ms on board: wide net 320 px, ncnn fp32, predicted ~58.0 ± 7.1" in said
    )
    assert "p90 58" not in said
    assert "~58.0 ± 7.1 ms" in model_card(report)


def test_the_slim_net_and_the_wide_one(report: dict[str, Any]) -> None:
    slim, small, *_ = sentences(report)
    assert "30% of the parameters, takes 0.45x the time (0.45 to 0.45 over the rounds)" in slim
    assert "cannot tell from no change" in slim
    assert small.startswith("The wide net at 192 px instead takes 0.40x the time")
    assert "-10.0 points [-13.0, -7.0]" in small and "cannot tell" not in small
    where = "412 boxes of 32 training images"
    assert sentences(report)[-1].startswith(f"P5 serves 0.2% of the {where}: --heads P3,P4 saves")
    report["runs"][0]["knows_classes"] = False
    assert "not trained on these classes" in "\n".join(sentences(report))
    report["runs"][0]["kept_heads"] = ["P3", "P4"]  # that is what was done
    assert "P5 serves" not in "\n".join(sentences(report))
    assert len(verdict(report).splitlines()) <= 9
    assert "0.695 [0.675, 0.715]" in verdict(report)


def test_a_training_alone_says_how_it_went() -> None:
    made = specimen()
    made["nets"] = [{**made["nets"][0], "title": "trained net"}]
    made["timings"] = made["timings"][:1]
    said = sentences(made)
    assert said[0] == "2 epochs in 0.2 min on cpu; the best was number 2, by mAP50-95 on val."


def test_the_front(report: dict[str, Any]) -> None:
    points = points_of(report, "pi")
    front = front_of(points, 50.0)
    assert front is not None
    assert [point.net["id"] for point in front.points] == ["small@ncnn", "slim@ncnn", "wide@ncnn"]
    by_hand = (2 * 0.6 + 22 * 0.695 + 10 * 0.7) / 50  # 16 to 18, 18 to 40, 40 to 50 ms
    assert front.volume == pytest.approx(by_hand)
    slower = timing("small@ncnn", 99.0, threads=1)
    report["timings"].append(slower)  # the fastest number of threads counts
    assert [p.ms for p in points_of(report, "pi")] == [p.ms for p in points]


def test_neighbors_that_cannot_be_told_apart(report: dict[str, Any]) -> None:
    slim, wide, _ = points_of(report, "pi")
    assert told_apart(slim, wide)  # by their latency
    report["timings"][0] = timing("slim@ncnn", 39.5)
    slim, wide, _ = points_of(report, "pi")
    report["nets"][0]["accuracy"]["draws"] = report["nets"][1]["accuracy"]["draws"]
    report["nets"][0]["accuracy"]["map50_95"] = report["nets"][1]["accuracy"]["map50_95"]
    assert not told_apart(slim, wide)
    del report["nets"][0]["accuracy"]["draws"]  # of an older run
    assert not told_apart(slim, wide)  # their intervals overlap


def test_the_table_is_tidy(report: dict[str, Any]) -> None:
    report["nets"].append({**report["nets"][0], "id": "untimed@ncnn", "title": "=untimed"})
    rows = list(csv.DictReader(io.StringIO(results_csv(report))))
    assert [row["net"] for row in rows] == ["slim net", "wide net", "wide net", "=untimed"]
    slim = rows[0]
    assert (slim["device"], slim["engine"], slim["imgsz_px"]) == ("Pi <5>", "ncnn", "320")
    assert float(slim["p90_model_ms"]) == 18.0
    assert float(slim["map50_95"]) == 0.695
    assert float(slim["versus_baseline_low"]) == -0.012
    assert rows[3]["p90_model_ms"] == rows[3]["device"] == ""


def test_a_model_card_is_markdown_whatever_classes_are_called(report: dict[str, Any]) -> None:
    card = model_card(report)
    assert "| slim net 320 px, ncnn fp32 | 0.695 \\[" not in card  # our own figures stay readable
    assert "| slim net 320 px, ncnn fp32 | 0.695 [0.675, 0.715] |" in card
    assert "</script>" not in card and "\u202e" not in card
    assert "\\</script\\>" in card
    assert f"20 images, {report['data']['boxes']} boxes, {len(NAMES)} classes" in card
