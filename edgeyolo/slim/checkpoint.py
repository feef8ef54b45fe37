"""Checkpoints: opened by an allow-list of classes, because a pickle can run any code."""

from __future__ import annotations

import io
import pickle
import struct
from copy import deepcopy
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeyolo.errors import CheckpointError, SpecError
from edgeyolo.files import write_bytes
from edgeyolo.slim.architecture import from_yaml
from edgeyolo.slim.spec import SlimSpec
from edgeyolo.workshop import open_workshop

if TYPE_CHECKING:
    from ultralytics.nn.tasks import DetectionModel

_IMGSZ = 640  # of nets that do not say what they were trained at
_MOST_PIXELS = 1 << 14  # of a side that is believed
_HINT = "Give a YOLOv8 detection checkpoint (.pt), stock or made by edgeyolo."


def open_checkpoint(path: Path) -> DetectionModel:
    """The net of a ``.pt`` file, float32, in evaluation mode.

    Raises:
        CheckpointError: when the file is missing, damaged, asks for classes that do not belong in
            a checkpoint, or holds something else than a YOLOv8 detection net.
    """
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint at {path}.", _HINT)
    open_workshop()
    from ultralytics.nn.tasks import DetectionModel

    stored = unpickle(path)
    net = (stored.get("ema") or stored.get("model")) if isinstance(stored, dict) else None
    if not isinstance(net, DetectionModel):
        raise CheckpointError(f"{path} holds no detection net.", _HINT)
    try:
        spec_of(net)
    except SpecError as error:
        raise CheckpointError(f"{path}: {error.message}", error.hint) from error
    for module in net.modules():  # attributes that nets saved by older versions lack
        if type(module).__name__ == "Upsample" and not hasattr(module, "recompute_scale_factor"):
            module.recompute_scale_factor = None
    net.float().eval()
    net.imgsz = _trained_at(stored.get("train_args"))
    return net


def _trained_at(settings: Any) -> int:
    """The side in the settings of a training, which may hold two, or be none of ours."""
    size: Any = settings.get("imgsz") if isinstance(settings, dict) else None
    sides: list[Any] = [*size] if isinstance(size, list | tuple) else [size]
    return max((n for n in sides if type(n) is int and 0 < n < _MOST_PIXELS), default=_IMGSZ)


def unpickle(path: Path) -> Any:
    """What a file of torch holds, opened by an allow-list of classes.

    Raises:
        CheckpointError: when it is none, or is damaged.
    """
    from ultralytics.nn.tasks import torch_safe_load

    try:
        stored, _ = torch_safe_load(str(path.absolute()), safe_only=True)
    except (
        OSError,
        RuntimeError,
        TypeError,
        KeyError,
        EOFError,
        AttributeError,
        IndexError,
        OverflowError,
        MemoryError,
        struct.error,
        ValueError,
        AssertionError,
        ImportError,
        pickle.UnpicklingError,
    ) as error:
        raise CheckpointError(f"{path} is not a checkpoint that can be opened.", _HINT) from error
    return stored


def save_checkpoint(net: DetectionModel, path: Path, *, half: bool = False) -> None:
    """Write a net as a plain ultralytics checkpoint, without paths of this machine."""
    import torch
    import ultralytics

    stored = deepcopy(net).eval().cpu()
    stored.criterion = None
    for name in ("args", "pt_path"):
        stored.__dict__.pop(name, None)
    content = {
        "epoch": -1,
        "model": stored.half() if half else stored.float(),
        "train_args": {"imgsz": imgsz_of(stored)},
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "version": ultralytics.__version__,
        "license": "AGPL-3.0-or-later",
    }
    buffer = io.BytesIO()  # torch.save hides the reason when a disk is full
    torch.save(content, buffer)
    write_bytes(path, buffer.getvalue())


def spec_of(net: DetectionModel) -> SlimSpec:
    """Specification of a net, read from the YAML that it carries.

    Raises:
        SpecError: when it is not a YOLOv8 detection net.
    """
    return from_yaml(net.yaml)


def imgsz_of(net: DetectionModel) -> int:
    """Input side that a net was trained at, in pixels."""
    return int(getattr(net, "imgsz", _IMGSZ))


def names_of(net: DetectionModel) -> tuple[str, ...]:
    """Class names in order."""
    names = net.names
    return tuple(str(names[index]) for index in range(len(names)))
