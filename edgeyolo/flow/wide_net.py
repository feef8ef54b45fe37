"""The wide net of a run: what the slim one inherits from, its teacher, and the baseline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgeyolo.files import read_json, write_json, write_text
from edgeyolo.flow.data import dataset_of
from edgeyolo.flow.training import train
from edgeyolo.plan.plan import Plan
from edgeyolo.progress import Progress
from edgeyolo.runs import WIDE, Run
from edgeyolo.slim.spec import SlimSpec
from edgeyolo.train.folder import START
from edgeyolo.train.recipe import Job

if TYPE_CHECKING:
    from ultralytics.nn.tasks import DetectionModel


def get_wide_net(run: Run, plan: Plan, progress: Progress) -> None:
    """Take the starting net as it is if it knows the data's classes, else train it on them."""
    from edgeyolo.slim.checkpoint import save_checkpoint

    folder = run.training(WIDE)
    if not (folder / START).exists():
        beginning = _begin(plan, dataset_of(run).names)
        progress.line(beginning.words)
        write_json(run.wide_file, {"knows_classes": beginning.knows_classes})
        if beginning.tensors:
            write_text(run.wide_checkpoint.with_name("wide-inherit.txt"), beginning.tensors)
        if beginning.is_ready:
            save_checkpoint(beginning.net, run.wide_checkpoint)
            return
        save_checkpoint(beginning.net, folder / START)
    Job(str(dataset_of(run).path), plan.wide_recipe).save_anew(folder)
    train(run, WIDE, run.wide_checkpoint, progress)


@dataclass(frozen=True, slots=True)
class _Beginning:
    """A net, whether it is used untrained, and whether it will know the data's classes then."""

    net: DetectionModel
    is_ready: bool
    knows_classes: bool
    words: str
    tensors: str = ""  # what became of those of the net that it comes from


def _begin(plan: Plan, names: tuple[str, ...]) -> _Beginning:
    from edgeyolo.slim.checkpoint import names_of, open_checkpoint, spec_of
    from edgeyolo.slim.fates import table
    from edgeyolo.slim.inherit import inherit
    from edgeyolo.slim.net import build

    if plan.plain:
        return _plain(plan, names)
    if plan.source is None:
        return _Beginning(
            build(SlimSpec(), names, plan.recipe.seed),
            is_ready=False,
            knows_classes=True,
            words="No starting weights: YOLOv8n is trained from scratch first, as source and "
            f"baseline ({plan.wide_epochs} epochs). It takes longer and learns less than with "
            "--from yolov8n.pt.",
        )
    source = open_checkpoint(Path(plan.source))
    if names_of(source) == names:
        words = f"Starting from {plan.source}, which knows these classes."
        return _Beginning(source, is_ready=True, knows_classes=True, words=words)
    net, fates = inherit(source, spec_of(source), names)
    words = (
        f"{plan.source} knows other classes: it is fine-tuned on these first "
        f"({plan.wide_epochs} epochs)."
        if plan.finetune
        else f"{plan.source} knows other classes and is not fine-tuned, so it teaches nothing and "
        "says little as a baseline."
    )
    return _Beginning(net, not plan.finetune, plan.finetune, words, table(fates))


def _plain(plan: Plan, names: tuple[str, ...]) -> _Beginning:
    """The net that is trained as it is, from weights or from none."""
    from edgeyolo.slim.checkpoint import open_checkpoint
    from edgeyolo.slim.fates import table
    from edgeyolo.slim.inherit import inherit
    from edgeyolo.slim.net import build

    if plan.source is None:
        net, words, tensors = build(plan.spec, names, plan.recipe.seed), "No starting weights.", ""
    else:
        net, fates = inherit(open_checkpoint(Path(plan.source)), plan.spec, names)
        words, tensors = f"Starting from {plan.source}.", table(fates)
    return _Beginning(net, is_ready=True, knows_classes=False, words=words, tensors=tensors)


def teacher_of(run: Run, plan: Plan) -> str | None:
    """Checkpoint to distil from: the one asked for, else the wide net if it knows the data."""
    if plan.teacher or not plan.recipe.is_taught:
        return plan.teacher if plan.recipe.is_taught else None
    knows = read_json(run.wide_file)["knows_classes"]
    return str(run.wide_checkpoint.resolve()) if knows else None
