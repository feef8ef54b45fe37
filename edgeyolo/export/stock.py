"""The layouts that stock ultralytics reads, written by ultralytics itself: decoded ``output0``."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from edgeyolo.device.detections import Detections
from edgeyolo.errors import EdgeyoloError, UsageError
from edgeyolo.files import new_folder, write_bytes
from edgeyolo.images import read_image
from edgeyolo.slim.checkpoint import save_checkpoint, spec_of
from edgeyolo.workshop import open_workshop

if TYPE_CHECKING:
    from ultralytics.nn.tasks import DetectionModel

PRECISIONS = ("fp32", "fp16")
_ENDINGS = {"onnxruntime": ".onnx", "ncnn": "_ncnn_model", "openvino": "_openvino_model"}
FORMATS = {"onnxruntime": "onnx", "ncnn": "ncnn", "openvino": "openvino"}


def check_free(net: DetectionModel, engines: Sequence[str], out: Path, *, force: bool) -> None:
    """Refuse to replace what is there, unless ``force``.

    Raises:
        UsageError: naming the first file or folder that exists.
    """
    for engine in engines:
        place = out / (spec_of(net).name + _ENDINGS[engine])
        if place.exists() and not force:
            raise UsageError(f"{place} exists already.", "Choose another --out, or add --force.")


@contextmanager
def stock_file(
    net: DetectionModel, imgsz: int, engine: str, *, half: bool = False
) -> Iterator[tuple[Path, Path]]:
    """The net as a checkpoint, and what ultralytics made of it, for the moment.

    That is ``NAME.onnx``, ``NAME_ncnn_model`` or ``NAME_openvino_model``.
    """
    open_workshop()
    from ultralytics import YOLO

    with tempfile.TemporaryDirectory(prefix="edgeyolo-") as folder:
        checkpoint = Path(folder) / f"{spec_of(net).name}.pt"
        save_checkpoint(net, checkpoint)
        with _stdout_to_stderr():
            written = Path(
                YOLO(checkpoint).export(
                    format=FORMATS[engine], imgsz=imgsz, half=half, device="cpu"
                )
            )
        if not written.exists():
            raise EdgeyoloError(f"ultralytics wrote no {FORMATS[engine]} file.")
        yield checkpoint, written


def keep(written: Path, out: Path) -> Path:
    """Put the file or folder into ``out``, in the place of an older one; return where it is."""
    place = out / written.name
    if written.is_dir():
        with new_folder(place, replace=True) as work:
            shutil.copytree(written, work, dirs_exist_ok=True)
    else:
        write_bytes(place, written.read_bytes())
    return place


def detect_by_ultralytics(
    model: Path, photos: Sequence[Path], imgsz: int, confidence: float
) -> list[Detections]:
    """What ``YOLO(model)`` finds in square images."""
    open_workshop()
    from ultralytics import YOLO

    settings = {"imgsz": imgsz, "rect": False, "conf": confidence, "device": "cpu"}
    result = []
    with _stdout_to_stderr():
        detector = YOLO(model, task="detect")
        for photo in photos:
            boxes = detector.predict(read_image(photo), verbose=False, **settings)[0].boxes
            columns = (boxes.xyxy, boxes.conf, boxes.cls.long())
            result.append(Detections(*(column.numpy() for column in columns)))
    return result


@contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """Also for programs that are started: pnnx tells its story on stdout, which is ours."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
