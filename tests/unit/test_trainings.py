"""What trainings told, read again from their events; and the command line of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgeyolo.files import write_json
from edgeyolo.flow.command import command_of
from edgeyolo.flow.trainings import trainings_of
from edgeyolo.runs import Run
from tests.command import edgeyolo_here


def _started(at: int = 0, **more: Any) -> dict[str, Any]:
    told = {"epochs": 4, "images": 205, "batches": 13, "device": "cpu", "batch": 16}
    return {"event": "started", "resumed_at": at, **told, **more}


def _epoch(number: int, value: float | None, seconds: float = 10.0) -> dict[str, Any]:
    loss = {"box_loss": 2.0 - 0.1 * number, "cls_loss": 1.0}
    scores = {"map50_95": value, "map50": value, "best": value}
    return {
        "event": "epoch",
        "epoch": number,
        "epochs": 4,
        "seconds": seconds,
        "loss": loss,
    } | scores


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "run")


def _tell(run: Run, name: str, *events: dict[str, Any], recipe: Any = None) -> Path:
    folder = run.training(name)
    folder.mkdir(parents=True)
    lines = [json.dumps({"time": 1.5 * n, **event}) for n, event in enumerate(events)]
    (folder / "events.jsonl").write_text("".join(f"{line}\n" for line in lines))
    if recipe:
        write_json(folder / "job.json", {"data": "d", "recipe": recipe, "teacher": "/home/me/w.pt"})
    return folder


def test_a_training_from_one_end_to_the_other(run: Run) -> None:
    recipe = {"imgsz": 320, "seed": 7, "patience": 3, "distill": 1.0, "distill_features": 0.0}
    epochs = [_epoch(n, 0.1 * n) for n in range(1, 5)]
    folder = _tell(run, "wide", _started(), *epochs, {"event": "finished"}, recipe=recipe)
    recall = {"before": {"overall": 0.9}, "after": {"overall": 0.8}}
    stored = {"summary": {"sliced": 3}, "importance": "l1", "recall": recall, "tensors": [1]}
    write_json(folder / "inherit.json", stored)
    (told,) = trainings_of(run)
    assert (told["name"], told["device"], told["seconds"]) == ("wide", "cpu", 40.0)
    assert told["map50_95"] == [0.1, 0.2, pytest.approx(0.3), 0.4]
    assert (
        told["loss"]["box_loss"] == [1.9, 1.8, 1.7, 1.6] and told["loss"]["cls_loss"] == [1.0] * 4
    )
    assert (told["planned_epochs"], told["is_finished"], told["images"]) == (4, True, 205)
    assert (told["seed"], told["imgsz"], told["patience"], told["distill"]) == (7, 320, 3, 1.0)
    assert told["teacher"] == "w.pt", "the path of it is nobody's business"
    assert told["resumed"] == told["trained_twice"] == told["halved"] == []
    assert told["lost_seconds"] == 0
    assert told["inherited"] == {key: stored[key] for key in ("summary", "importance", "recall")}


def test_stopped_killed_failed_and_halved(run: Run) -> None:
    _tell(
        run,
        "net",
        {"event": "chosen", "batch": 32, "limit": "memory"},
        _started(batch=32),
        {"event": "batch", "epoch": 1, "batch": 1, "batches": 13},
        {"event": "halved", "batch": 16},
        _started(),
        _epoch(1, 0.1),
        {"event": "stopped", "epoch": 1},
        _started(1),
        _epoch(2, 0.2, seconds=99.0),  # the power went before it was on the disk
        {"event": "picture", "epoch": 2, "name": "p", "file": "f"},
        _started(1),
        _epoch(2, 0.25),
        {"event": "failed", "message": "m", "hint": "", "exit_code": 1},
        _started(2),
        _epoch(3, None),
    )
    (told,) = trainings_of(run)
    assert told["resumed"] == [
        {"epoch": 0, "after": "halved"},
        {"epoch": 1, "after": "stopped"},
        {"epoch": 1, "after": "killed"},
        {"epoch": 2, "after": "failed"},
    ]
    assert told["halved"] == [16] and told["batch_limit"] == "memory"
    assert told["map50_95"] == [0.1, 0.25, None]
    assert (told["trained_twice"], told["seconds"], told["lost_seconds"]) == ([2], 30.0, 99.0)
    assert told["is_finished"] is False and told["inherited"] is None


def test_a_batch_halved_within_an_epoch_was_not_what_ended_the_part(run: Run) -> None:
    halved = {"event": "halved", "batch": 8}
    _tell(run, "net", _started(), halved, _epoch(1, 0.1), _started(1), _epoch(2, 0.2))
    (told,) = trainings_of(run)
    assert told["resumed"] == [{"epoch": 1, "after": "killed"}]


def test_their_order_and_those_that_never_began(run: Run) -> None:
    assert trainings_of(run) == []
    for name in ("net", "net-step2", "net-step1", "wide"):
        _tell(run, name, _started(), _epoch(1, 0.1))
    _tell(run, "never", _started())
    (run.folder / "train" / "file").write_text("")
    names = [told["name"] for told in trainings_of(run)]
    assert names == ["wide", "net-step1", "net-step2", "net"]


def test_events_of_before(run: Run) -> None:
    """Neither a batch size nor a job file, as the first versions wrote them."""
    started = {"event": "started", "epochs": 2, "device": "cpu", "resumed_at": 0}
    epoch = {"event": "epoch", "epoch": 1, "seconds": 3.25, "map50_95": 0.5}
    _tell(run, "wide", started, epoch)
    (told,) = trainings_of(run)
    assert told["map50_95"] == [0.5] and told["seconds"] == 3.2
    assert told["loss"] == {} and told["planned_epochs"] is None and told["batch"] is None


WORDS = ("--data", "demo", "--from", "none", "--epochs", "2", "--engine", "onnxruntime", "--detach")


@pytest.mark.parametrize("command", ["slim", "train"])
def test_a_run_knows_its_command_line(
    command: str, in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    monkeypatch.setattr("edgeyolo.flow.attend.start", lambda folder: None)
    words = [command, *(w for w in WORDS if w not in ("--from", "none")), "--name", "a name"]
    assert edgeyolo_here(*words) == 0
    run = Run(in_tmp / "runs" / "a name")
    stored = json.loads(run.command_file.read_text())
    assert stored["argv"] == ["edgeyolo", *words] == command_of(run)
    assert stored["edgeyolo"] and stored["at"].startswith("20")
    inside = Run(run.folder / "w0.125")
    assert command_of(inside) == stored["argv"], "of the search or study that it is part of"


def test_runs_of_before_have_none(tmp_path: Path) -> None:
    assert command_of(Run(tmp_path / "runs" / "r")) is None


def test_a_dry_run_writes_nothing(in_tmp: Path) -> None:
    assert edgeyolo_here("slim", "--data", "demo", "--dry-run") == 0
    assert list(in_tmp.rglob("command.json")) == []


def test_no_flag_of_these_commands_is_secret() -> None:
    """What is secret would have to be masked before it is written."""
    from edgeyolo.cli.commands import slim, study, train
    from edgeyolo.config import SETTINGS

    secret = {key for key, entry in SETTINGS.items() if entry.is_secret}
    assert secret, "there are some"
    for command in (slim.command, study.command, train.command):
        assert not secret & {param.name for param in command.params}
