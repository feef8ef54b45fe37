"""What a study varies: the net, and four settings of its training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any

from edgeyolo.errors import SpecError, UsageError
from edgeyolo.slim.sizes import SIZES
from edgeyolo.slim.spec import SlimSpec, check_imgsz
from edgeyolo.slim.spec_name import spec_of_name

AUTO, NONE, BACKBONE = "auto", "none", "backbone"
Level = Any  # a value of a factor


@dataclass(frozen=True, slots=True)
class Net:
    """A stock size that is trained as it is, or a spec that is slimmed from a wider net."""

    spec: SlimSpec
    size: str | None = None

    @property
    def name(self) -> str:
        """``n``, or the derived name of the spec."""
        return self.size or self.spec.name


def net_of_size(value: Level) -> Net:
    """A stock YOLOv8 by its letter.

    Raises:
        UsageError: when there is none.
    """
    if not isinstance(value, str) or value not in SIZES:
        near = get_close_matches(str(value).lower().removeprefix("yolov8"), SIZES, n=1, cutoff=0)[0]
        raise UsageError(
            f"{value!r} is not a size.", f"Use some of {', '.join(SIZES)}; the nearest is {near}."
        )
    return Net(SIZES[value], value)


def net_of_spec(value: Level) -> Net:
    """A slim net by its derived name, or by a mapping of the levers.

    Raises:
        UsageError: when there is none; names the nearest.
    """
    if isinstance(value, str):
        return Net(spec_of_name(value))
    if not isinstance(value, dict):
        raise UsageError(
            f"{value!r} is not a spec.", "Write its name, or a mapping as {width: 0.125}."
        )
    known = [field.name for field in fields(SlimSpec)]
    for key in value:
        if key not in known:
            near = get_close_matches(str(key), known, n=1, cutoff=0)[0]
            raise UsageError(f"A spec has no {key!r}.", f"The nearest is {near!r}.")
        if isinstance(value[key], bool) and key != "cut_backbone":
            raise UsageError(f"{value!r} is not a spec.", "Levers are numbers and levels.")
    heads = value.get("heads")
    if isinstance(heads, str):
        heads = heads.upper().replace(",", " ").split()
    try:
        return Net(SlimSpec(**{**value, **({"heads": tuple(heads)} if heads else {})}))
    except SpecError:
        raise
    except (TypeError, ValueError) as error:  # a text where a number belongs
        raise UsageError(f"{value!r} is not a spec.", "Levers are numbers and levels.") from error


def batch_of(value: Level) -> int | None:
    """Images per step; ``None`` for as many as the GPU holds."""
    return None if value == AUTO else _whole("batch", value, 1, f" or {AUTO}")


def freeze_of(value: Level) -> str | None:
    """Layers that stay as they are: ``None`` for none of them."""
    if value is None or value == NONE:
        return None
    if value == BACKBONE:
        return BACKBONE
    return str(_whole("freeze", value, 1, f", {NONE} or {BACKBONE}"))


def imgsz_of(value: Level) -> int:
    """Side of the input in pixels."""
    side = _whole("imgsz", value, 1, "")
    check_imgsz(side)
    return side


def seed_of(value: Level) -> int:
    """Seed of the training."""
    return _whole("seed", value, 0, "")


def _whole(name: str, value: Level, least: int, others: str) -> int:
    if type(value) is not int or value < least:
        raise UsageError(
            f"{name} {value!r} is not possible.", f"Use a whole number from {least} on{others}."
        )
    return value


# A size and a spec are both a net: they stand beside each other, not in combination.
NETS: dict[str, Callable[[Level], Net]] = {"size": net_of_size, "spec": net_of_spec}
SETTINGS: dict[str, Callable[[Level], Level]] = {
    "batch": batch_of,
    "freeze": freeze_of,
    "imgsz": imgsz_of,
    "seed": seed_of,
}
FACTORS = (*NETS, *SETTINGS)
