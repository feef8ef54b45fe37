"""Advice about detection levels from a data set and a trained net."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeyolo.dataset.check import load_split
from edgeyolo.dataset.read import Dataset
from edgeyolo.measure.work import work_of

if TYPE_CHECKING:
    from ultralytics.nn.tasks import DetectionModel

    from edgeyolo.measure.predict import Predictor
    from edgeyolo.slim.examples import Examples
    from edgeyolo.slim.spec import SlimSpec


def ask(
    dataset: Dataset, checkpoint: Path, imgsz: int, seed: int = 0, predict: Predictor | None = None
) -> dict[str, Any]:
    """What each level serves, with the recall of the net with and without it.

    With ``predict``, also the part of the latency on its board that each choice of levels takes.

    Raises:
        CheckpointError: when the checkpoint is not one.
        DataError: when the training images have problems.
    """
    from edgeyolo.slim.checkpoint import open_checkpoint, spec_of
    from edgeyolo.slim.examples import examples_in_parts

    parts = examples_in_parts(load_split(dataset, "train"), imgsz, seed)
    net = open_checkpoint(checkpoint)
    advice = advice_of(net, parts, dataset.names)
    if predict is not None:
        _add_latency(advice, spec_of(net), len(dataset.names), imgsz, predict)
    return advice


def _add_latency(
    advice: dict[str, Any], spec: SlimSpec, classes: int, imgsz: int, predict: Predictor
) -> None:
    whole = predict(work_of(spec, classes, imgsz)).latency_ms
    for choice in advice["choices"]:
        heads, cut = tuple(choice["heads"]), choice["cut_backbone"]
        works = work_of(spec.with_(heads=heads, cut_backbone=cut), classes, imgsz)
        choice["latency_ratio"] = round(predict(works).latency_ms / whole, 4)
    advice["latency"] = {"profile": predict.board, "engine": predict.engine}


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
