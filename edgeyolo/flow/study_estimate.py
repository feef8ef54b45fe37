"""What a study will cost, before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgeyolo.dataset.demo import DEMO_SPLITS
from edgeyolo.dataset.find import DataChoice
from edgeyolo.dataset.read import read_dataset
from edgeyolo.flow.plan import wide_spec
from edgeyolo.plan.effort import trainer
from edgeyolo.slim.cost import cost
from edgeyolo.slim.spec import SlimSpec
from edgeyolo.studies.folder import Entry
from edgeyolo.train.recipe import Recipe


def estimate(entries: Sequence[Entry], choice: DataChoice) -> dict[str, Any]:
    """Parameters, GFLOPs and training time of each training.

    Raises:
        DataError: when the data set is not there.
    """
    classes, images, wide = len(choice.names()), _images(choice), _wide_nets(entries)
    listed = [_entry(entry, wide[entry.name], classes, images) for entry in entries]
    return {
        "data": {"name": choice.value, "classes": classes, "train_images": images},
        "machine": trainer(entries[0].plan.recipe.device).name,
        "trainings": len(listed),
        "rows": sum(entry["is_row"] for entry in listed),
        "training_seconds": round(sum(entry["training_seconds"] for entry in listed), 1),
        "entries": listed,
    }


def _wide_nets(entries: Sequence[Entry]) -> dict[str, SlimSpec]:
    """What each is slimmed from; of a net that is trained as it is, that net."""
    specs = {entry.name: entry.plan.spec for entry in entries}
    sources = {e.plan.source for e in entries if not (e.plan.plain or e.wide)}
    opened = {source: wide_spec(Path(source)) for source in sources if source}
    return {
        entry.name: specs[entry.wide or entry.name]
        if entry.wide or entry.plan.plain
        else opened[str(entry.plan.source)]
        for entry in entries
    }


def _entry(entry: Entry, wide: SlimSpec, classes: int, images: int) -> dict[str, Any]:
    plan = entry.plan
    figures = cost(plan.spec, classes, plan.imgsz)
    machine = trainer(plan.recipe.device)
    return {
        "name": entry.name,
        "is_row": entry.labels is not None,
        **(entry.labels or {}),
        "start": entry.start,
        "spec": plan.spec.name,
        "epochs": plan.recipe.epochs,
        "parameters": figures.parameters,
        "gflops": round(figures.gflops, 4),
        "training_seconds": round(
            machine.seconds(plan.spec, wide, classes, images, _taught(entry)), 1
        ),
    }


def _taught(entry: Entry) -> Recipe:
    """The recipe as far as it costs: nobody teaches a net that is trained as it is."""
    plan = entry.plan
    if plan.plain and plan.teacher is None:
        return replace(plan.recipe, distill=0.0, distill_features=0.0)
    return plan.recipe


def _images(choice: DataChoice) -> int:
    if choice.is_demo:  # without drawing them
        return DEMO_SPLITS["train"]
    return len(read_dataset(Path(choice.value)).images("train"))
