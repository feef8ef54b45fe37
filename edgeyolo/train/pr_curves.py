"""Precision and recall on the validation images after each epoch, for whoever follows a training.

ultralytics has computed them already, at an IoU of 0.5 and a thousand confidences.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgeyolo.files import write_json
from edgeyolo.train.sample_images import CANNOT_SHOW

if TYPE_CHECKING:
    from edgeyolo.train.trainer import Trainer

FOLDER = "curves"
MEAN = "all"  # the name of the mean over classes
_POINTS = 101
_MOST = 20  # classes that get a curve of their own


def write_curves(trainer: Trainer) -> None:
    """Write the curves of the present epoch and say where; never fails."""
    try:
        metrics = trainer.validator.metrics
        if len(metrics.box.p_curve):
            epoch = trainer.epoch + 1
            file = f"{FOLDER}/epoch-{epoch}.json"
            write_json(trainer._folder / file, curves_of(metrics, trainer._names))
            trainer._log.write("curves", epoch=epoch, file=file)
    except CANNOT_SHOW:
        traceback.print_exc()


def curves_of(metrics: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """The mean over the classes that have labels, and each of the first ones.

    At confidences from 0 to 1 in equal steps.
    """
    box, labels = metrics.box, metrics.nt_per_class
    which = np.linspace(0, box.p_curve.shape[1] - 1, _POINTS).round().astype(int)
    precision, recall = box.p_curve[:, which], box.r_curve[:, which]
    curves = [_curve(MEAN, labels.sum(), precision.mean(0), recall.mean(0))]
    for row, index in enumerate(box.ap_class_index[:_MOST]):
        curves.append(_curve(names[index], labels[index], precision[row], recall[row]))
    return {"iou": 0.5, "curves": curves}


def _curve(
    name: str, labels: int, precision: npt.NDArray[Any], recall: npt.NDArray[Any]
) -> dict[str, Any]:
    return {
        "name": name,
        "labels": int(labels),
        "precision": np.round(precision, 4).tolist(),
        "recall": np.round(recall, 4).tolist(),
    }
