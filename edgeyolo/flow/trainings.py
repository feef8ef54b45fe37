"""What the trainings of a run told: curves, times, and what came in between."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

from edgeyolo.files import read_json
from edgeyolo.jobs.events import LAST_EVENTS, Event, all_events
from edgeyolo.runs import WIDE, Run
from edgeyolo.train.folder import JOB

_INHERITED = "inherit.json"
_BESIDE = {"chosen", "picture", "curves"}  # events that say nothing of how a part ended


def trainings_of(run: Run) -> list[dict[str, Any]]:
    """Per training that has an epoch behind it, in their order; plain values for JSON.

    ``map50_95``, ``map50`` and each of ``loss`` have a value for each epoch, ``None`` where it was
    none; ``seconds`` are those of the epochs that counted, ``lost_seconds`` of those that had to be
    done again. ``resumed`` are the epochs before which it was taken up again, and after what.
    """
    root = run.folder / "train"
    folders = sorted(
        (folder for folder in root.iterdir() if folder.is_dir()) if root.is_dir() else (),
        # The nets on the way come before the last one, whose name theirs begin with.
        key=lambda folder: (folder.name != WIDE, "-step" not in folder.name, folder.name),
    )
    listed = [_training(folder, all_events(folder)) for folder in folders]
    return [training for training in listed if training["map50_95"]]


def _training(folder: Path, events: list[Event]) -> dict[str, Any]:
    told = _of(events, "epoch")
    # After a loss of power one may have been trained, and told, twice: the last time counts.
    kept = {event["epoch"]: event for event in told}
    epochs = [kept[number] for number in sorted(kept)]
    started = next(iter(_of(events, "started")), {})
    return {
        "name": folder.name,
        "device": started.get("device"),
        "gpu": started.get("gpu"),
        "images": started.get("images"),
        "planned_epochs": epochs[-1].get("epochs") if epochs else None,
        "is_finished": bool(_of(events, "finished")),
        "seconds": _seconds(epochs),
        "lost_seconds": _seconds([event for event in told if kept[event["epoch"]] is not event]),
        "map50_95": [event.get("map50_95") for event in epochs],
        "map50": [event.get("map50") for event in epochs],
        "loss": _losses(epochs),
        "trained_twice": _twice(told),
        "resumed": _resumed(events),
        "batch": started.get("batch"),
        "batch_limit": next((event["limit"] for event in _of(events, "chosen")), None),
        "halved": [event["batch"] for event in _of(events, "halved")],
        **_asked(folder / JOB),
        "inherited": _inherited(folder / _INHERITED),
    }


def _of(events: list[Event], kind: str) -> list[Event]:
    return [event for event in events if event["event"] == kind]


def _seconds(epochs: list[Event]) -> float:
    return round(sum(float(event["seconds"]) for event in epochs), 1)


def _losses(epochs: list[Event]) -> dict[str, list[float | None]]:
    """By the name of the loss; a teacher's may begin later than the others."""
    names = dict.fromkeys(name for event in epochs for name in event.get("loss") or {})
    return {name: [(event.get("loss") or {}).get(name) for event in epochs] for name in names}


def _twice(told: list[Event]) -> list[int]:
    numbers = [event["epoch"] for event in told]
    return sorted({number for number in numbers if numbers.count(number) > 1})


def _resumed(events: list[Event]) -> list[dict[str, Any]]:
    """Each start but the first: the epochs done by then, and what ended the part before.

    A part that ends without a word was killed, or the power went.
    """
    marks = [event for event in events if event["event"] not in _BESIDE]
    ends = {*LAST_EVENTS, "halved"}
    return [
        {
            "epoch": event["resumed_at"],
            "after": before["event"] if before["event"] in ends else "killed",
        }
        for before, event in pairwise(marks)
        if event["event"] == "started"
    ]


def _asked(job: Path) -> dict[str, Any]:
    """What of the recipe tells one training of a run from another; of the teacher its name alone.

    The path of it is nobody's business.
    """
    if not job.is_file():
        return {}
    values = read_json(job)
    recipe, teacher = values["recipe"], values.get("teacher")
    keys = ("imgsz", "seed", "patience", "distill", "distill_features", "freeze")
    return {
        **{key: recipe.get(key) for key in keys},
        "teacher": Path(teacher).name if teacher else None,
    }


def _inherited(path: Path) -> dict[str, Any] | None:
    """What came over from the wide net, and what the net found before any retraining."""
    if not path.is_file():
        return None
    stored = read_json(path)
    return {name: stored[name] for name in ("summary", "importance", "recall")}
