"""From a budget and a data set to what is worth training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgeyolo.dataset.boxes import box_sizes
from edgeyolo.dataset.check import load_images
from edgeyolo.dataset.find import DataChoice
from edgeyolo.dataset.read import Dataset
from edgeyolo.plan.answer import Answer, Planned, Question, answer, candidates, impossible
from edgeyolo.plan.effort import trainer
from edgeyolo.plan.levels import LevelAdvice
from edgeyolo.progress import Progress
from edgeyolo.slim.sizes import SIZES
from edgeyolo.slim.spec import SlimSpec
from edgeyolo.train.recipe import Recipe

_ASKED = 64  # images that the net is shown, to see which levels it assigns their boxes to
# A stock checkpoint is known by its name, so that nothing has to be opened for an answer at once.
_STOCK = {f"yolov8{size}": spec for size, spec in SIZES.items()}


def wide_spec(source: Path | None) -> SlimSpec:
    """The net that all candidates inherit from.

    Raises:
        CheckpointError: when the checkpoint is not one.
    """
    if source is None:
        return SlimSpec()
    if source.stem in _STOCK:
        return _STOCK[source.stem]
    from edgeyolo.slim.checkpoint import open_checkpoint, spec_of

    return spec_of(open_checkpoint(source))


def plan(
    question: Question, choice: DataChoice, source: Path | None, recipe: Recipe, progress: Progress
) -> Planned:
    """Answer a question; where nothing is possible without looking at the data.

    With a checkpoint, it is asked which levels serve the boxes; else their sizes tell.

    Raises:
        DataError: when the data have problems.
    """
    known = candidates(question)
    closest = impossible(question, known)
    if closest:
        return Planned(question, Answer(len(known), 0, (), (), closest), {}, "")
    dataset = choice.open(lambda done, total: progress.step(done, total, "drawing images"))
    progress.line("Looking at the boxes of the training images.")
    advice = LevelAdvice(box_sizes(dataset), question.wide, question.classes)
    found = answer(question, known, advice)
    if source is not None and found.proposals:
        wide, advice = _asked(advice, source, dataset, found, recipe.seed, progress)
        if wide != question.wide:  # another net under a stock one's name
            return plan(replace(question, wide=wide), choice, source, recipe, progress)
        found = answer(question, known, advice)
    machine = trainer(recipe.device)
    seconds = {
        proposal.option.name: machine.seconds(
            proposal.option.spec,
            question.wide,
            question.classes,
            advice.boxes.images,
            replace(recipe, imgsz=proposal.option.imgsz),
        )
        for proposal in found.proposals
    }
    levels = advice.sentence(question.imgsz)
    return Planned(question, found, seconds, machine.name, levels)


def _asked(
    advice: LevelAdvice,
    source: Path,
    dataset: Dataset,
    found: Answer,
    seed: int,
    progress: Progress,
) -> tuple[SlimSpec, LevelAdvice]:
    """What the net assigns to each level, at the image sizes that are proposed."""
    from edgeyolo.slim.checkpoint import open_checkpoint, spec_of
    from edgeyolo.slim.examples import load_examples
    from edgeyolo.slim.heads import assign

    net = open_checkpoint(source)
    images = dataset.images("train")
    samples = load_images(dataset, images[:: max(1, len(images) // _ASKED)][:_ASKED])
    assigned = {}
    for imgsz in sorted({proposal.option.imgsz for proposal in found.proposals}):
        progress.line(f"Asking {source.name} which levels serve the boxes at {imgsz} px.")
        counts = assign(net, load_examples(samples, imgsz, seed), dataset.names)
        total = max(1, counts.total())
        assigned[imgsz] = {level: count / total for level, count in counts.items()}
    return spec_of(net), replace(advice, assigned=assigned, asked=source.name)
