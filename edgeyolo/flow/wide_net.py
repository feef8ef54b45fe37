"""The wide net of a run: what the slim one inherits from, its teacher, and the baseline."""

from __future__ import annotations

from pathlib import Path

from edgeyolo.flow.data import dataset_of
from edgeyolo.flow.training import train
from edgeyolo.plan.plan import Plan
from edgeyolo.progress import Progress
from edgeyolo.runs import WIDE, Run
from edgeyolo.slim.spec import SlimSpec
from edgeyolo.train.folder import START
from edgeyolo.train.recipe import Job


def get_wide_net(run: Run, plan: Plan, progress: Progress) -> None:
    """Take the starting net as it is if it knows the data's classes, else train it on them."""
    from edgeyolo.slim.checkpoint import names_of, open_checkpoint, save_checkpoint, spec_of
    from edgeyolo.slim.inherit import inherit
    from edgeyolo.slim.net import build

    dataset = dataset_of(run)
    source = open_checkpoint(Path(plan.source)) if plan.source else None
    if source is not None and names_of(source) == dataset.names:
        progress.line(f"Starting from {plan.source}, which knows these classes.")
        save_checkpoint(source, run.wide_checkpoint)
        return
    if source is not None and not plan.finetune:
        net, _ = inherit(source, spec_of(source), dataset.names)
        progress.line(
            f"{plan.source} knows other classes and is not fine-tuned, so it teaches nothing and "
            "says little as a baseline."
        )
        save_checkpoint(net, run.wide_checkpoint)
        return
    folder = run.training(WIDE)
    if not (folder / START).exists():
        if source is None:
            net = build(SlimSpec(), dataset.names)
            progress.line(
                "No starting weights: YOLOv8n is trained from scratch first, as source and "
                f"baseline ({plan.wide_epochs} epochs). It takes longer and learns less than with "
                "--from yolov8n.pt."
            )
        else:
            net, _ = inherit(source, spec_of(source), dataset.names)
            progress.line(
                f"{plan.source} knows other classes: it is fine-tuned on these first "
                f"({plan.wide_epochs} epochs)."
            )
        save_checkpoint(net, folder / START)
    Job(str(dataset.path), plan.wide_recipe).save(folder)
    train(run, WIDE, run.wide_checkpoint, progress)


def teacher_of(run: Run, plan: Plan) -> str | None:
    """Checkpoint to distil from: the one asked for, else the wide net if it knows the data."""
    from edgeyolo.slim.checkpoint import names_of, open_checkpoint

    if plan.teacher or not plan.recipe.is_taught:
        return plan.teacher if plan.recipe.is_taught else None
    if plan.source and not plan.finetune:
        knows = names_of(open_checkpoint(Path(plan.source))) == dataset_of(run).names
        return str(run.wide_checkpoint.resolve()) if knows else None
    return str(run.wide_checkpoint.resolve())
