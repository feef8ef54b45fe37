"""Advice about detection levels from a data set and a trained net."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeyolo.dataset.check import load_split
from edgeyolo.dataset.read import Dataset

if TYPE_CHECKING:
    from ultralytics.nn.tasks import DetectionModel

    from edgeyolo.slim.examples import Examples


def ask(dataset: Dataset, checkpoint: Path, imgsz: int, seed: int = 0) -> dict[str, Any]:
    """What each level serves, with the recall of the net with and without it.

    Raises:
        CheckpointError: when the checkpoint is not one.
        DataError: when the training images have problems.
    """
    from edgeyolo.slim.checkpoint import open_checkpoint
    from edgeyolo.slim.examples import load_examples

    examples = load_examples(load_split(dataset, "train"), imgsz, seed)
    return advice_of(open_checkpoint(checkpoint), examples, dataset.names)


def advice_of(net: DetectionModel, examples: Examples, names: tuple[str, ...]) -> dict[str, Any]:
    """The same from a net and examples at hand."""
    from edgeyolo.slim.heads import advise
    from edgeyolo.slim.recall import recall

    return {
        "images": len(examples),
        **advise(net, examples, names).to_dict(),
        "recall": recall(net, examples).to_dict(),
    }
