"""The slim net of a run: it inherits from the wide one and is retrained, in one step or several."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgeyolo.dataset.check import load_split
from edgeyolo.files import write_json, write_text
from edgeyolo.flow.advice import advice_of
from edgeyolo.flow.data import dataset_of
from edgeyolo.flow.training import Watch, train
from edgeyolo.flow.wide_net import teacher_of
from edgeyolo.plan.plan import Plan
from edgeyolo.progress import Progress
from edgeyolo.report.heads import heads_sentence
from edgeyolo.runs import Run
from edgeyolo.train.folder import START
from edgeyolo.train.recipe import Job

if TYPE_CHECKING:
    from edgeyolo.slim.examples import Examples

_TRAINED = "trained.pt"  # the net of a step on the way


def inherit_weights(run: Run, plan: Plan, progress: Progress) -> None:
    """Ask the wide net about its levels, and build the first net on the way to the slim one."""
    from edgeyolo.slim.checkpoint import names_of, open_checkpoint
    from edgeyolo.slim.examples import MOST

    wide, examples = open_checkpoint(run.wide_checkpoint), _examples(run, plan)
    advice = advice_of(wide, [examples.first(MOST)], names_of(wide))
    write_json(run.heads_file, advice)
    progress.line(heads_sentence(advice))
    _inherit(run, plan, 0, examples, progress)


def retrain(run: Run, plan: Plan, progress: Progress, watch: Watch | None = None) -> None:
    """Train the slim net, and on the way to it the nets of each step; ``watch`` sees the last."""
    from edgeyolo.slim.checkpoint import open_checkpoint, spec_of

    steps = plan.steps(spec_of(open_checkpoint(run.wide_checkpoint)))
    for index, (_, recipe) in enumerate(steps):
        folder, result = _folder(run, plan, index), _result(run, plan, index)
        if result.exists():
            continue
        if not (folder / START).exists():
            _inherit(run, plan, index, _examples(run, plan), progress)
        Job(str(dataset_of(run).path), recipe, teacher_of(run, plan)).save_anew(folder)
        is_last = index == len(steps) - 1
        train(run, folder.name, result, progress, watch if is_last else None)


def first_start(run: Run) -> Path:
    """The untrained net of the first step."""
    return _folder(run, run.plan(), 0) / START


def last_training(run: Run, plan: Plan) -> Path:
    """Folder in which the slim net itself is trained."""
    return _folder(run, plan, plan.gradual - 1)


def _folder(run: Run, plan: Plan, index: int) -> Path:
    name = plan.candidates()[0].name
    return run.training(name if index == plan.gradual - 1 else f"{name}-step{index + 1}")


def _result(run: Run, plan: Plan, index: int) -> Path:
    """Trained net of a step; before the first one there is the wide net."""
    if index < 0:
        return run.wide_checkpoint
    last = index == plan.gradual - 1
    return run.slim_checkpoint if last else _folder(run, plan, index) / _TRAINED


def _examples(run: Run, plan: Plan) -> Examples:
    from edgeyolo.slim.examples import load_examples

    return load_examples(load_split(dataset_of(run), "train"), plan.imgsz, plan.recipe.seed)


def _inherit(run: Run, plan: Plan, index: int, examples: Examples, progress: Progress) -> None:
    """Build the net of a step, account for every tensor, and say what it finds untrained."""
    from edgeyolo.slim.checkpoint import names_of, open_checkpoint, save_checkpoint, spec_of
    from edgeyolo.slim.examples import MOST
    from edgeyolo.slim.fates import summary, table
    from edgeyolo.slim.inherit import inherit
    from edgeyolo.slim.recall import recall

    spec, _ = plan.steps(spec_of(open_checkpoint(run.wide_checkpoint)))[index]
    source = open_checkpoint(_result(run, plan, index - 1))
    progress.line(f"{spec.name}: looking at {len(examples)} training images for what matters.")
    net, fates = inherit(source, spec, names_of(source), examples, plan.importance)
    looked_at = examples.first(MOST)
    before, after = recall(source, looked_at), recall(net, looked_at)
    folder = _folder(run, plan, index)
    counts = ", ".join(f"{n} {fate}" for fate, n in summary(fates).items())
    progress.line(f"Tensors: {counts}; each of them is in {folder / 'inherit.txt'}.")
    progress.line(
        f"Before any retraining it finds {after.overall:.0%} of {after.boxes} objects of "
        f"{len(looked_at)} of these images (IoU 0.5, any class); the net that it comes from "
        f"{before.overall:.0%}."
    )
    write_text(folder / "inherit.txt", table(fates))
    write_json(
        folder / "inherit.json",
        {
            "summary": summary(fates),
            "importance": plan.importance,
            "recall": {"before": before.to_dict(), "after": after.to_dict()},
            "tensors": [fate.to_dict() for fate in fates],
        },
    )
    save_checkpoint(net, folder / START)
