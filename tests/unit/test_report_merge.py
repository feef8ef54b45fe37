"""Several reports as one: the same net is one net, and all are compared with one baseline."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from edgeyolo.errors import DataError
from edgeyolo.measure.accuracy import paired_difference
from edgeyolo.report.form import checked, new_report
from edgeyolo.report.html import render
from edgeyolo.report.merge import merge
from edgeyolo.report.points import points_of, speedup
from edgeyolo.report.verdict import sentences
from tests.report_specimen import accuracy, net, run, specimen, timing


def _bench(net_id: str, machine: str, milliseconds: float, **known: Any) -> dict[str, Any]:
    """Of a board that knows nothing of the net but its file."""
    other = net("other", 9.0, accuracy(1.0)[0])
    other |= {"id": net_id, "role": "other", "accuracy": None, "details": None, "run": None}
    device = {**specimen()["devices"][0], "id": machine, "machine": machine}
    return new_report(
        "bench",
        nets=[other],
        devices=[device],
        sittings=[{"device": machine, "states": [{"celsius": 50.0}]}],
        timings=[timing(net_id, milliseconds, machine, **known)],
    )


def _second() -> dict[str, Any]:
    """Another run on the same images, with a wide net of its own."""
    base = accuracy(1.5)[0]
    report = specimen()
    report["nets"] = [
        net("slim2", 4.0, base, title="slim net", name="w0.25", run="s"),
        net("wide2", 1.5, base, title="wide net", role="baseline", run="s"),
    ]
    report["timings"] = [timing("slim2@ncnn", 9.0), timing("wide2@ncnn", 41.0)]
    report["runs"] = [run("s")]
    report["title"] = "w0.25 on pets"
    return report


def test_one_alone_stays_as_it_is() -> None:
    assert merge([specimen()]) == specimen()


def test_a_bench_adds_a_device_and_no_net() -> None:
    merged = merge([specimen(), _bench("slim@ncnn", "board", 70.0)])
    assert [each["id"] for each in merged["nets"]] == [n["id"] for n in specimen()["nets"]]
    assert next(n for n in merged["nets"] if n["id"] == "slim@ncnn")["accuracy"]
    assert [device["id"] for device in merged["devices"]] == ["pi", "board"]
    last = merged["timings"][-1]
    assert (last["net"], last["device"], last["end_to_end_ms"]["p90"]) == (
        "slim@ncnn",
        "board",
        70.0,
    )
    assert merged["sittings"][last["sitting"]]["states"] == [{"celsius": 50.0}]
    assert merged["title"] == specimen()["title"]


def test_the_order_does_not_matter_for_what_is_known_of_a_net() -> None:
    merged = merge([_bench("slim@ncnn", "board", 70.0), specimen()])
    slim = next(n for n in merged["nets"] if n["id"] == "slim@ncnn")
    assert slim["accuracy"] and slim["role"] == "slim"
    by_device = {(t["net"], t["device"]): t for t in merged["timings"]}
    sitting = by_device["slim@ncnn", "board"]["sitting"]
    assert merged["sittings"][sitting]["device"] == "board"
    sitting = by_device["wide@ncnn", "pi"]["sitting"]
    assert merged["sittings"][sitting]["device"] == "pi"


def test_nets_are_compared_where_they_took_turns() -> None:
    again = merge([_bench("slim@ncnn", "pi", 12.0), specimen()])
    times = [t["end_to_end_ms"]["p90"] for t in again["timings"] if t["net"] == "slim@ncnn"]
    assert times == [12.0, 18.0]  # both are kept
    assert {point.ms for point in points_of(again, "pi")} == {18.0, 40.0, 16.0}
    said = "\n".join(sentences(again))
    assert "takes 0.45x the time" in said  # 18 to 40, not 12 to 40


def test_of_nets_that_took_no_turns_no_speedup_is_said() -> None:
    other = _bench("slim@ncnn", "pi", 12.0)
    report = specimen()
    report["timings"] = [t for t in report["timings"] if t["net"] != "slim@ncnn"]
    merged = merge([report, other])
    slim, base, _ = points_of(merged, "pi")
    assert slim.ms == 12.0 and speedup(slim, base) is None
    assert "as fast" not in "\n".join(sentences(merged)).replace("both faster", "")
    assert "The slim net has" not in "\n".join(sentences(merged))
    render(merged)


def test_a_report_that_is_named_twice_is_there_once() -> None:
    twice = merge([specimen(), specimen()])
    assert len(twice["timings"]) == len(specimen()["timings"])
    assert [each["name"] for each in twice["runs"]] == ["r"]


def test_two_runs_of_one_name_are_two() -> None:
    other = _second()
    other["runs"] = [{**run("r"), "recipe": {"seed": 7}}]
    for each in other["nets"]:
        each["run"] = "r"
    merged = merge([specimen(), other])
    assert [each["name"] for each in merged["runs"]] == ["r", "r (2)"]
    runs = {each["id"]: each["run"] for each in merged["nets"]}
    assert (runs["slim@ncnn"], runs["slim2@ncnn"]) == ("r", "r (2)")


def test_an_int8_file_that_comes_twice_is_told_once() -> None:
    one = {**specimen(), "quantizations": [{"net": "a"}]}
    merged = merge([one, {**_second(), "quantizations": [{"net": "a"}, {"net": "b"}]}])
    assert [each["net"] for each in merged["quantizations"]] == ["a", "b"]


def test_nets_of_two_runs_are_compared_with_the_first_baseline() -> None:
    merged = merge([specimen(), _second()])
    slim2 = next(n for n in merged["nets"] if n["id"] == "slim2@ncnn")
    point, bounds = paired_difference(accuracy(4.0)[0], accuracy(1.0)[0])
    versus = slim2["accuracy"]["versus_baseline"]
    assert versus["difference"] == pytest.approx(point, abs=2e-5)
    assert versus["ci"] == pytest.approx(bounds, abs=2e-4)
    titles = {n["id"]: n["title"] for n in merged["nets"]}
    assert titles["slim2@ncnn"] == "w0.25" and titles["slim@ncnn"] == "slim"
    assert titles["wide@ncnn"] == "wide net (r)" and titles["wide2@ncnn"] == "wide net (s)"
    assert [each["name"] for each in merged["runs"]] == ["r", "s"]


@pytest.mark.parametrize(("key", "value"), [("fingerprint", "other"), ("split", "test")])
def test_nets_judged_by_other_images_are_refused(key: str, value: str) -> None:
    other = _second()
    other["data"][key] = value
    with pytest.raises(DataError, match="judged by different images"):
        merge([specimen(), other])


def test_what_an_int8_net_was_made_of_is_the_baseline_of_the_two() -> None:
    base = accuracy(1.0)[0]
    alone = specimen()
    alone["nets"] = [net("fp32", 1.0, base, role="before"), net("int8", 2.0, base)]
    assert [n["role"] for n in merge([alone])["nets"]] == ["baseline", "slim"]
    beside = merge([specimen(), alone])
    assert [n["role"] for n in beside["nets"] if n["id"] == "fp32@ncnn"] == ["slim"]


def test_the_reports_that_were_joined_are_not_changed() -> None:
    one, other = specimen(), _second()
    before = copy.deepcopy((one, other))
    merge([one, other])
    assert (one, other) == before


def test_other_files_are_no_report() -> None:
    assert checked(specimen(), "r") == specimen()
    for wrong, words in (
        ([], "r is no report"),
        ({**specimen(), "version": 1}, "has version 1"),
        ({k: v for k, v in specimen().items() if k != "nets"}, "lacks nets"),
    ):
        with pytest.raises(DataError, match=words):
            checked(wrong, "r")
