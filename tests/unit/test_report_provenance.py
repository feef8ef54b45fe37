"""The section on where figures come from, and limits only where they hold."""

from __future__ import annotations

from typing import Any

import pytest

from edgeyolo.report.limits import limits
from tests.unit.fragments import HOSTILE, data_of, fragment, is_harmless, net, report_of

ENVIRONMENT = {"machine": "Pi <5>", "cores": 4, "load_1min": 0.1, "versions": {"ncnn": "1.0"}}
DEVICE = {"id": "pi", "machine": "Pi <5>", "kind": "measured", "environment": ENVIRONMENT}
BOARD = {"id": "b", "machine": "raspberry-pi-4", "kind": "predicted", "environment": None}


def _run(**changes: Any) -> dict[str, Any]:
    return {
        "name": "r",
        "recipe": {"epochs": 14, "seed": 5, "lr": None, "log": "", "settings": {"mosaic": 0.5}},
        "versions": {"torch": "2.13.0"},
        "license": "AGPL-3.0-or-later",
        "command": ["edgeyolo", "slim", "--data", "my data/$HOME.yaml", "--name", "it's"],
        "trainings": [{"name": "net", "seed": 5}],
        **changes,
    }


def _said(**parts: Any) -> str:
    return " ".join(limits(report_of(**parts)))


def test_all_of_it() -> None:
    report = report_of(data=data_of(), runs=[_run()], nets=[net()], devices=[DEVICE])
    page = fragment("provenance", report)
    facts = dict(map(tuple, _table(page, "made")))
    assert facts["data fingerprint"] == "f1" * 32 and facts["seeds"] == "5"
    assert facts["report format"] == "edgeyolo-report 2"
    assert "edgeyolo slim --data 'my data/$HOME.yaml' --name 'it'\"'\"'s'" in page.text
    recipe = dict(map(tuple, page.table("recipe")))
    assert recipe["lr"] == recipe["log"] == "none" and recipe["settings"] == "mosaic=0.5"
    assert recipe["torch"] == "2.13.0"
    assert page.table("net") == [["slim net 320 px, ncnn fp32", "all together", "ab" * 32]]
    assert "AGPL-3.0-or-later" in page.text and "complete source code" in page.text
    assert ["ncnn", "1.0"] in [row for table in page.tables for row in table]


def _table(page: Any, first: str) -> list[list[str]]:
    (found,) = [table for table in page.tables if table[0][0] == first]
    return [[" ".join(cell.split()) for cell in row] for row in found]


def test_each_file_with_its_hash() -> None:
    files = {"model.ncnn.bin": "01" * 32, "model.ncnn.param": "02" * 32}
    page = fragment("provenance", report_of(nets=[net(files=files)]))
    assert [row[1:] for row in page.table("net")] == [list(pair) for pair in files.items()]


def test_what_is_not_known_is_said() -> None:
    page = fragment("provenance", report_of())
    facts = dict(map(tuple, _table(page, "made")))
    assert facts["data"] == facts["data fingerprint"] == facts["seeds"] == "not known"
    assert "No run is in this report" in page.text and "None are known" in page.text
    bare = fragment("provenance", report_of(runs=[{"name": "old", "command": None}], nets=[net()]))
    assert "Its command line was not kept." in bare.text
    assert bare.table("recipe").count(["not known", ""]) == 2


def test_hostile_names() -> None:
    runs = [_run(name=name, command=["edgeyolo", name]) for name in HOSTILE]
    devices = [{**DEVICE, "machine": name, "environment": {"system": name}} for name in HOSTILE]
    report = report_of(data=data_of(name=HOSTILE[0]), runs=runs, devices=devices, nets=[net()])
    page = fragment("provenance", report)
    assert is_harmless(page)
    assert all(" ".join(name.split()) in page.text for name in HOSTILE)
    assert fragment("provenance", report).html == page.html


def test_of_measured_and_predicted_devices() -> None:
    both = _said(devices=[DEVICE, BOARD])
    assert "measured on Pi <5> and hold for that alone" in both
    assert "For raspberry-pi-4 latencies were predicted, not measured there" in both
    assert "predicted" not in _said(devices=[DEVICE])
    assert "measured on" not in _said(devices=[BOARD])
    assert "machines were measured" not in both
    second = {**DEVICE, "id": "pc", "machine": "PC"}
    assert "2 machines were measured" in _said(devices=[DEVICE, second])
    assert "on Pi <5> and PC and hold" in _said(devices=[DEVICE, second])
    assert "energy" in both and "energy" not in _said()


@pytest.mark.parametrize(
    ("verdict", "is_told"), [("stable", False), ("noisy", True), (None, False)]
)
def test_of_unstable_timings(verdict: str | None, is_told: bool) -> None:
    told = _said(devices=[DEVICE], timings=[{"net": "n", "device": "pi", "verdict": verdict}])
    assert ("not stable" in told) is is_told


def test_of_few_images_and_boxes() -> None:
    accuracy = net()["accuracy"]
    few = _said(data=data_of(), nets=[net()])
    assert "87 images are few" in few and "Fewer than 30 boxes in val: 1 of 2 classes" in few
    many = {**accuracy, "images": 100, "per_class": accuracy["per_class"][:1]}
    said = _said(data=data_of(), nets=[net(accuracy=many)])
    assert "are few" not in said and "Fewer than" not in said
    assert "drawing the 100 images of val anew" in said


def test_of_the_split_that_chose() -> None:
    assert "a test split that was never looked at" in _said(data=data_of(), nets=[net()])
    assert "never looked at" not in _said(data=data_of(split="test"), nets=[net()])
    assert "thresholds" not in _said(data=data_of(), nets=[net()])
    detailed = net(details={"operating": {}})
    assert "Confidence thresholds were chosen on the same images of val" in _said(
        data=data_of(), nets=[detailed]
    )


def test_of_images_in_two_splits() -> None:
    shared = {"kind": "same", "split": "val", "of": "train", "images": 2, "examples": []}
    other = {**shared, "split": "test", "images": 9}
    told = _said(data=data_of(statistics={"duplicates": [shared, other]}), nets=[net()])
    assert "2 of the images of val are in train as well" in told
    none = _said(data=data_of(statistics={"duplicates": [other]}), nets=[net()])
    assert "as well, or nearly" not in none


def test_of_int8_and_seeds() -> None:
    assert "int8" not in _said(nets=[net()])
    assert "int8 nets were judged" in _said(nets=[net(), net(precision="int8")])
    one, two = ({"name": "net", "seed": seed} for seed in (0, 1))
    assert "with one seed" in _said(runs=[_run(trainings=[one])])
    assert "with one seed" not in _said(runs=[_run(trainings=[one, two])])
    assert "seed" not in _said()
