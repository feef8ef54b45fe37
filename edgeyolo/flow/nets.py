"""The nets of a run: the wide one, and the slim one that inherits from it and is retrained."""

from __future__ import annotations

from pathlib import Path

from edgeyolo.files import write_json
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


def inherit_weights(run: Run, plan: Plan, progress: Progress) -> None:
    """Build the slim net from the wide one and account for every tensor."""
    from edgeyolo.slim.checkpoint import names_of, open_checkpoint, save_checkpoint
    from edgeyolo.slim.inherit import inherit, summary

    wide = open_checkpoint(run.wide_checkpoint)
    net, fates = inherit(wide, plan.spec, names_of(wide))
    counts = summary(fates)
    progress.line("Tensors: " + ", ".join(f"{count} {fate}" for fate, count in counts.items()))
    folder = slim_folder(run)
    write_json(
        folder / "inherit.json",
        {
            "summary": counts,
            "tensors": [
                {"name": f.name, "shape": f.shape, "source_shape": f.source_shape, "fate": f.fate}
                for f in fates
            ],
        },
    )
    save_checkpoint(net, folder / START)


def slim_folder(run: Run) -> Path:
    """Folder of the slim net's training."""
    return run.training(run.plan().candidates()[0].name)


def retrain(run: Run, plan: Plan, progress: Progress) -> None:
    """Train the slim net."""
    folder = slim_folder(run)
    Job(str(dataset_of(run).path), plan.recipe).save(folder)
    train(run, folder.name, run.slim_checkpoint, progress)
