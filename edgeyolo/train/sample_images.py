"""Pictures of what a net is trained on and of what it finds, for whoever follows a training.

They are files in the job's folder, named in its events. A picture that cannot be made or written
ends no training: the reason goes into the job's log.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from edgeyolo.device.detections import Detections
from edgeyolo.device.draw import draw
from edgeyolo.errors import EdgeyoloError
from edgeyolo.files import write_bytes
from edgeyolo.images import Image
from edgeyolo.train.loggers.logger import is_shown

if TYPE_CHECKING:
    from edgeyolo.train.recipe import Recipe
    from edgeyolo.train.trainer import Trainer

FOLDER = "pictures"
_MOST = 4  # images of a picture
_SIDE = 320  # pixels of the longer side of one of them
_SURE = 0.25  # the score from which on a prediction is drawn
# Whatever goes wrong in drawing, or in what ultralytics hands over in another form than expected.
CANNOT_SHOW = (
    *(EdgeyoloError, OSError, RuntimeError, LookupError, TypeError, ValueError, AttributeError),
    cv2.error,
)


def show_samples(trainer: Trainer, recipe: Recipe) -> None:
    """Let a trainer draw some images now and then, where a logger wants them."""
    if not recipe.loggers:
        return
    from edgeyolo.train.pr_curves import write_curves

    trainer.add_callback("on_train_epoch_start", _show_training)
    trainer.add_callback("on_val_start", lambda validator: _show_validation(trainer, validator))
    trainer.add_callback("on_fit_epoch_end", write_curves)


def _show_training(trainer: Trainer) -> None:
    """Draw the first batch of the epoch, as it is augmented."""
    if is_shown(trainer.epoch + 1, trainer.epochs):
        _at_next(trainer, "preprocess_batch", lambda done, _: _draw_training(trainer, done))


def _show_validation(trainer: Trainer, validator: Any) -> None:
    """Draw the first validation images: labels above, what the net finds below."""
    if is_shown(trainer.epoch + 1, trainer.epochs):
        look = lambda _, preds, batch: _draw_validation(trainer, preds, batch)  # noqa: E731
        _at_next(validator, "update_metrics", look)


def _at_next(owner: Any, name: str, look: Callable[..., None]) -> None:
    """Look at what the next call of a method returns and is given, once."""
    method = getattr(owner, name)

    def once(*given: Any) -> Any:
        owner.__dict__.pop(name, None)
        done = method(*given)
        try:
            look(done, *given)
        except CANNOT_SHOW:
            traceback.print_exc()
        return done

    setattr(owner, name, once)


def _draw_training(trainer: Trainer, batch: dict[str, Any]) -> None:
    tiles, scales = _tiles(batch["img"])
    drawn = [
        draw(tile, _labels(batch, index, scale), trainer._names)
        for index, (tile, scale) in enumerate(zip(tiles, scales, strict=True))
    ]
    _write(trainer, "train_batch", cv2.hconcat(drawn))


def _draw_validation(trainer: Trainer, preds: list[dict[str, Any]], batch: dict[str, Any]) -> None:
    tiles, scales = _tiles(batch["img"])
    rows: list[list[Image]] = [[], []]
    for index, (tile, scale) in enumerate(zip(tiles, scales, strict=True)):
        rows[0].append(draw(tile, _labels(batch, index, scale), trainer._names))
        rows[1].append(draw(tile, _found(preds[index], scale), trainer._names))
    _write(trainer, "val_predictions", cv2.vconcat([cv2.hconcat(row) for row in rows]))


def _tiles(batch: Any) -> tuple[list[Image], list[tuple[int, int, float]]]:
    """The first images of a batch (B, 3, H, W), RGB, uint8 or 0..1, as tiles in BGR.

    With each: its height and width in the batch, and by how much it was scaled.
    """
    some = batch[:_MOST].detach().cpu()
    pixels = (some.float() * 255 if some.is_floating_point() else some).byte().numpy()
    height, width = pixels.shape[2:]
    scale = _SIDE / max(height, width)
    size = round(width * scale), round(height * scale)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    images = [np.ascontiguousarray(image.transpose(1, 2, 0)[..., ::-1]) for image in pixels]
    tiles = [cv2.resize(image, size, interpolation=how) for image in images]
    return [np.asarray(tile, np.uint8) for tile in tiles], [(height, width, scale)] * len(tiles)


def _labels(batch: dict[str, Any], index: int, place: tuple[int, int, float]) -> Detections:
    """Boxes of an image in its tile."""
    height, width, scale = place
    which = (batch["batch_idx"] == index).reshape(-1)
    boxes = batch["bboxes"][which].detach().float().cpu().numpy()  # center and size, 0..1
    center, half = boxes[:, :2], boxes[:, 2:] / 2
    xyxy = np.hstack((center - half, center + half)) * (np.array([width, height] * 2) * scale)
    classes = batch["cls"][which].reshape(-1).long().cpu().numpy()
    return Detections(xyxy.astype(np.float32), np.ones(len(xyxy), np.float32), classes)


def _found(pred: dict[str, Any], place: tuple[int, int, float]) -> Detections:
    """What the net finds in an image, in its tile."""
    score, boxes, classes = (
        pred[key].detach().float().cpu().numpy() for key in ("conf", "bboxes", "cls")
    )
    found = Detections(boxes * place[2], score, classes.astype(np.int64))
    sure: npt.NDArray[np.bool_] = score >= _SURE
    return found.select(sure)


def _write(trainer: Trainer, name: str, picture: npt.NDArray[Any]) -> None:
    epoch = trainer.epoch + 1
    file = f"{FOLDER}/{name}-{epoch:04}.jpg"
    _, jpeg = cv2.imencode(".jpg", picture)
    write_bytes(trainer._folder / file, jpeg.tobytes())
    trainer._log.write("picture", epoch=epoch, name=name, file=file)
