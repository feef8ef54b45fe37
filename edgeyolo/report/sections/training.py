"""How the nets were trained: curves, times, and what came in between."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgeyolo.report.data import count_of
from edgeyolo.report.form import Report, Row
from edgeyolo.report.pretraining import pretraining_sentence
from edgeyolo.report.training_figures import best_of, chosen_of, losses_svg, map_svg

_MOST_OPEN = 12  # trainings; a longer table is folded
_ENDS = {
    "stopped": "it was asked to stop",
    "failed": "it failed",
    "killed": "it was killed, or the power went",
    "finished": "it had ended",
}


def section(report: Report) -> dict[str, Any]:
    """All trainings of all runs; those of older reports tell less."""
    runs = report["runs"]
    named = [(_name(run, told, runs), told) for run in runs for told in run.get("trainings") or []]
    pretrained = [sentence for run in runs if (sentence := _pretrained(run))]
    if not named and not pretrained:
        return {"missing": "No training is known of the nets of this report."}
    return {
        "rows": [_row(name, told) for name, told in named],
        "is_folded": len(named) > _MOST_OPEN,
        "curves": map_svg(named) if named else "",
        "losses": losses_svg(named),
        "colored": len(chosen_of(named)),
        "seconds": duration(sum(told["seconds"] or 0 for _, told in named)),
        "inherited": [_inherited(name, told) for name, told in named if told.get("inherited")],
        "pretrained": pretrained,
    }


def duration(seconds: float) -> str:
    """``48 s``, ``12 min``, ``3.2 h``."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _name(run: Row, told: Row, runs: list[Row]) -> str:
    is_clear = len(runs) == 1 or run["name"] == told["name"]
    return str(told["name"]) if is_clear else f"{run['name']}: {told['name']}"


def _row(name: str, told: Row) -> Row:
    epoch, value = best_of(told)
    return {
        "name": name,
        "seed": told.get("seed"),
        "imgsz": told.get("imgsz"),
        "epochs": len(told["map50_95"]),
        "planned": told.get("planned_epochs"),
        "best": value if epoch else None,
        "best_epoch": epoch,
        "seconds": told["seconds"],
        "time": duration(told["seconds"]),
        "device": told.get("gpu") or told.get("device"),
        "images": told.get("images"),
        "batch": (told.get("halved") or [told.get("batch")])[-1],
        "notes": list(_notes(told)),
    }


def _notes(told: Row) -> Iterator[str]:
    """What a reader should know besides the figures, each in a few words."""
    if told.get("distill") or told.get("distill_features"):
        neck = told.get("distill_features")
        more = f", its neck {neck:g}" if neck else ""
        yield f"taught by {told.get('teacher') or 'no one'} (weight {told['distill']:g}{more})"
    if told.get("freeze"):
        yield f"frozen: {told['freeze']}"
    for part in told.get("resumed") or []:
        if part["after"] != "halved":
            yield f"taken up again after epoch {part['epoch']} ({_ENDS[part['after']]})"
    if told.get("trained_twice"):
        epochs = ", ".join(map(str, told["trained_twice"]))
        yield f"trained twice: epoch {epochs} ({duration(told['lost_seconds'])} lost)"
    for batch in told.get("halved") or []:
        yield f"batch halved to {batch}: the memory was not enough"
    yield from _ending(told)


def _ending(told: Row) -> Iterator[str]:
    done, planned = len(told["map50_95"]), told.get("planned_epochs")
    if planned is None or done >= planned:
        if planned and done > 1 and best_of(told)[0] == done:
            yield "the last epoch was the best: more might gain"
        return
    if told.get("is_finished") and told.get("patience"):
        late = count_of(told["patience"], "epoch")
        yield f"ended early: {late} without a better one"
    else:
        yield "not trained to the end"


def _inherited(name: str, told: Row) -> Row:
    inherited = told["inherited"]
    return {
        "name": name,
        "tensors": ", ".join(f"{count} {fate}" for fate, count in inherited["summary"].items()),
        "before": inherited["recall"]["before"]["overall"],
        "after": inherited["recall"]["after"]["overall"],
        "boxes": inherited["recall"]["after"].get("boxes"),
    }


def _pretrained(run: Row) -> str:
    """Where the backbone learned to classify first; reports of before know nothing of it."""
    outcome = run.get("pretraining")
    if not outcome:
        return ""
    images, classes = outcome["data"]["images"]["train"], len(outcome["data"]["classes"])
    return (
        f"{run['name']}: the backbone first learned to classify: {images} images of {classes} "
        f"classes from {outcome['data']['name']}, {outcome['epochs']} epochs in "
        f"{outcome['seconds']:.0f} s. {pretraining_sentence(outcome)}"
    )
