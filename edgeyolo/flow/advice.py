"""Advice about detection levels from a data set and a trained net."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import add
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
    from edgeyolo.slim.examples import examples_in_parts

    parts = examples_in_parts(load_split(dataset, "train"), imgsz, seed)
    return advice_of(open_checkpoint(checkpoint), parts, dataset.names)


def advice_of(
    net: DetectionModel, parts: Iterable[Examples], names: tuple[str, ...]
) -> dict[str, Any]:
    """The same from a net and examples at hand, which may come a few at a time."""
    from edgeyolo.slim.checkpoint import spec_of
    from edgeyolo.slim.heads import advise, assign
    from edgeyolo.slim.recall import recall

    seen = [(len(part), part.imgsz, assign(net, part, names), recall(net, part)) for part in parts]
    images, sizes, counts, recalls = zip(*seen, strict=True)
    found = reduce(add, recalls)
    advice = advise(spec_of(net), reduce(add, counts), found.boxes, sizes[0], len(names))
    return {"images": sum(images), **advice.to_dict(), "recall": found.to_dict()}
