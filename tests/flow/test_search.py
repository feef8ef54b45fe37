"""From a budget to one bundle, through the real command on a few images."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from edgeyolo.device.bundle import Bundle
from edgeyolo.errors import UsageError
from edgeyolo.flow import search as flow
from edgeyolo.flow.training import FellBehindError
from edgeyolo.jobs.events import all_events
from edgeyolo.searches import Search
from tests.command import edgeyolo, edgeyolo_here
from tests.conftest import shared_folder

BUDGET = ("--profile", "raspberry-pi-4", "--engine", "onnxruntime")
QUICK = ("--imgsz", 64, "--epochs", 1, "--wide-epochs", 1, "--batch", 8, "--device", "cpu")
pytestmark = pytest.mark.xdist_group("search")


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory, small_demo: Path
) -> tuple[Search, subprocess.CompletedProcess[str]]:
    """A whole search without starting weights."""
    work = tmp_path_factory.mktemp("search")
    env = {"EDGEYOLO_CACHE_DIR": str(shared_folder(tmp_path_factory) / "cache")}
    words = ("--data", small_demo, "--name", "first", "--fps", 15, "--max-size", "400kB")
    done = edgeyolo("slim", *BUDGET, *QUICK, *words, cwd=work, env=env)
    assert done.returncode == 0, done.stderr
    return Search(work / "runs" / "first"), done


@pytest.mark.slow
def test_ends_with_one_recommended_bundle(finished: Any) -> None:
    search, done = finished
    result = json.loads(search.result_file.read_text())
    rows = {row["name"]: row for row in result["rows"]}
    best = rows[result["recommended"]]
    keeping = [row for row in rows.values() if not row["misses"]]
    assert best["accuracy"]["map50_95"] == max(row["accuracy"]["map50_95"] for row in keeping)
    bundle = Bundle.open(search.bundle)
    assert bundle.precision == best["precision"]
    assert bundle.size_bytes("onnxruntime") == best["size_bytes"] <= 400_000
    assert f"* {best['name'].rpartition('-')[0]}" in done.stdout
    assert f"Recommended: {best['name']}" in done.stdout
    assert f"Bundle: {Path('runs') / 'first' / 'bundle'}" in done.stderr


@pytest.mark.slow
def test_every_proposal_was_trained_or_ended(finished: Any) -> None:
    search, done = finished
    result = json.loads(search.result_file.read_text())
    proposed = [row["name"] for row in search.answer["proposals"]]
    assert len(proposed) >= 3
    assert sorted([*result["ended"], *(row["name"] for row in result["rows"])]) == sorted(proposed)
    order = [line.split("Train ")[1] for line in done.stderr.splitlines() if "] Train " in line]
    assert order == proposed


@pytest.mark.slow
def test_the_wide_net_is_trained_once_and_inherited_by_all(finished: Any) -> None:
    search, _ = finished
    trained = sorted(path.parent.name for path in search.folder.glob("*/train/*/events.jsonl"))
    assert trained.count("wide") == 1
    for contender in search.contenders():
        assert contender.run.plan().source == str(search.wide.wide_checkpoint.resolve())
        assert (contender.run.folder / "wide.pt").is_file()


@pytest.mark.slow
def test_what_is_over_the_budget_is_a_miss_and_the_baseline_is_there(finished: Any) -> None:
    search, done = finished
    result = json.loads(search.result_file.read_text())
    wide = [row for row in result["rows"] if row["spec"]["width"] == 0.25]
    assert len(wide) == 1
    for row in result["rows"]:
        missed = row["size_bytes"] > 400_000
        assert bool(row["misses"]) is missed, row["misses"]
        assert all(miss in done.stdout for miss in row["misses"])


@pytest.mark.slow
def test_int8_was_quantized_and_is_what_is_measured(finished: Any) -> None:
    search, _ = finished
    result = json.loads(search.result_file.read_text())
    quantized = [row for row in result["rows"] if row["precision"] == "int8"]
    assert quantized
    for row in quantized:
        assert Bundle.open(search.folder / row["bundle"]).precision == "int8"


@pytest.mark.slow
def test_the_recommended_net_has_a_page(finished: Any) -> None:
    search, _ = finished
    result = json.loads(search.result_file.read_text())
    page = search.folder / result["recommended"] / "report.html"
    assert "<html" in page.read_text()


@pytest.mark.slow
def test_once_more_is_at_once_and_says_the_same(
    finished: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    search, done = finished
    monkeypatch.chdir(search.folder.parent.parent)
    assert edgeyolo_here("resume", "first") == 0
    assert capsys.readouterr().out == done.stdout
    assert edgeyolo_here("resume", "first", "--json") == 0
    assert json.loads(capsys.readouterr().out) == json.loads(search.result_file.read_text())


@pytest.mark.slow
def test_nothing_that_keeps_to_the_budget_ends_with_5(
    finished: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    search, _ = finished
    monkeypatch.chdir(search.folder.parent.parent)
    before, plan = search.result_file.read_text(), search.folder / "search.json"
    stored = json.loads(plan.read_text())
    tight = json.loads(plan.read_text())
    tight["plan"]["budget"]["size_bytes"] = 1000
    try:
        plan.write_text(json.dumps(tight))
        search.result_file.unlink()
        assert edgeyolo_here("resume", "first") == 5
        out = capsys.readouterr().out
        assert "No net keeps to the budget" in out
        assert " MB\n" in out  # in what each of them misses it
    finally:
        plan.write_text(json.dumps(stored))
        search.result_file.write_text(before)


def test_a_search_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "search.json").write_text(json.dumps({"format": "edgeyolo-search", "version": 99}))
    found = Search.find(tmp_path)
    assert found is not None
    with pytest.raises(UsageError, match="not a search"):
        _ = found.answer


@pytest.mark.slow
def test_one_that_falls_behind_is_ended_and_stays_so(
    finished: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, _ = finished
    contender = list(search.contenders())[-1]
    result = json.loads(search.result_file.read_text())
    said: list[str] = []

    class Progress:
        def line(self, text: str) -> None:
            said.append(text)

        def stage(self, *_: object) -> None: ...
        def step(self, *_: object) -> None: ...

    def behind(*_: object) -> None:
        raise FellBehindError("Ended after 1 of 3 epochs: far behind.")

    slim = contender.run.slim_checkpoint
    aside = slim.rename(slim.with_suffix(".aside"))
    outcomes = search.outcomes_file.read_text() if search.outcomes_file.exists() else None
    try:
        monkeypatch.setattr(flow, "retrain", behind)
        assert flow._train(search, contender, [], Progress()) == []
        monkeypatch.undo()
        assert flow._train(search, contender, [], Progress()) == []  # not again
    finally:
        aside.rename(slim)
        if outcomes is None:
            search.outcomes_file.unlink()
        else:
            search.outcomes_file.write_text(outcomes)
    assert said[0] == "Ended after 1 of 3 epochs: far behind."
    assert said[1].startswith("Left as it was: Ended after 1 of 3")
    assert result["recommended"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--fps", 15, "--width", 0.125], "--width names a net"),
        (["--fps", 15, "--heads", "P3,P4"], "--heads names a net"),
        (["--fps", 15, "--no-finetune"], "Leave out --no-finetune"),
        (["--fps", 15, "--freeze", 20], "cannot be frozen"),
        ([], "No budget is named"),
    ],
)
def test_a_net_and_a_budget_do_not_go_together(
    small_demo: Path, capsys: pytest.CaptureFixture[str], words: list[object], said: str
) -> None:
    assert edgeyolo_here("slim", *BUDGET, "--data", small_demo, *words) == 2
    assert said in capsys.readouterr().err


def test_what_is_impossible_makes_no_folder(
    in_tmp: Path, small_demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert edgeyolo_here("slim", *BUDGET, "--data", small_demo, "--fps", 5000) == 5
    assert "Nothing fits" in capsys.readouterr().out
    assert not (in_tmp / "runs").exists()


def test_a_dry_run_prints_the_plan(
    in_tmp: Path, small_demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (*BUDGET, *QUICK, "--data", small_demo, "--fps", 15, "--dry-run")
    assert edgeyolo_here("slim", *words) == 0
    assert "what a slimmer net has to beat" in capsys.readouterr().out
    assert edgeyolo_here("slim", *words, "--json") == 0
    assert len(json.loads(capsys.readouterr().out)["proposals"]) >= 3
    assert not (in_tmp / "runs").exists()


@pytest.mark.slow
def test_a_killed_search_goes_on_where_it_was(tmp_path: Path, small_demo: Path) -> None:
    words = ["slim", *BUDGET, *QUICK, "--epochs", 3, "--data", small_demo, "--name", "killed"]
    command = [sys.executable, "-m", "edgeyolo", *map(str, words), "--fps", "15"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    search = Search(tmp_path / "runs" / "killed")
    deadline = time.monotonic() + 400
    while not list(search.folder.glob("w0*/train/w0*/events.jsonl")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    assert not search.result_file.exists()
    wide = search.wide.wide_checkpoint.stat().st_mtime_ns
    done = edgeyolo("resume", "killed", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert search.wide.wide_checkpoint.stat().st_mtime_ns == wide  # not trained again
    first = next(iter(search.contenders()))
    (folder,) = (first.run.folder / "train").iterdir()
    epochs = [event["epoch"] for event in all_events(folder) if event["event"] == "epoch"]
    assert epochs == [1, 2, 3]
    assert search.bundle.is_dir()


def test_what_goes_with_a_budget_alone_is_refused_without(
    small_demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (("--mode", "x"), ("--map", 0.3), ("--threads", 4)):
        assert edgeyolo_here("slim", "--data", small_demo, "--width", 0.125, *words) == 2
        assert "goes with a budget" in capsys.readouterr().err


@pytest.mark.slow
def test_where_none_keeps_the_budget_those_that_were_ended_go_on(
    finished: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the one that was ended is small enough: it is trained after all, and recommended."""
    search, _ = finished
    stored, result = (search.folder / "search.json").read_text(), search.result_file.read_text()
    rows = {row["name"]: row for row in json.loads(result)["rows"]}
    smallest = min(rows.values(), key=lambda row: row["size_bytes"])
    tight = json.loads(stored)
    tight["plan"]["budget"]["size_bytes"] = smallest["size_bytes"]
    monkeypatch.chdir(search.folder.parent.parent)
    try:
        (search.folder / "search.json").write_text(json.dumps(tight))
        search.result_file.unlink()
        said = "Ended after 1 of 3 epochs: behind."
        search.outcomes_file.write_text(json.dumps({smallest["name"]: said}))
        assert edgeyolo_here("resume", "first") == 0
        assert json.loads(search.result_file.read_text())["recommended"] == smallest["name"]
        assert json.loads(search.outcomes_file.read_text()) == {}
    finally:
        (search.folder / "search.json").write_text(stored)
        search.result_file.write_text(result)
        search.outcomes_file.unlink(missing_ok=True)
