"""The flags of a training."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edgeyolo.cli.options import setting
from edgeyolo.errors import UsageError

if TYPE_CHECKING:
    from edgeyolo.train.recipe import Recipe

Function = TypeVar("Function", bound=Callable[..., Any])
_IMGSZ = 640
_EPOCHS, _DEMO_EPOCHS = 60, 8
_FLAGS = (
    *("epochs", "imgsz", "batch", "device", "seed", "distill", "distill_features"),
    *("patience", "lr", "freeze", "log", "log_checkpoint"),
)


def recipe_flags(function: Function) -> Function:
    """A flag for each value of a recipe; see :func:`recipe_of`."""
    function = click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="KEY=VALUE",
        help="Any training setting of ultralytics, as mosaic=0.5.",
    )(function)
    for key in reversed(_FLAGS):
        function = setting(key)(function)
    return function


def recipe_of(values: dict[str, Any], *, is_demo: bool) -> Recipe:
    """The training that the flags describe; they are taken out of ``values``.

    Raises:
        UsageError: when a number is too small to train with.
    """
    from edgeyolo.dataset.demo import DEMO_IMGSZ
    from edgeyolo.train.loggers.names import choose_loggers
    from edgeyolo.train.recipe import Recipe
    from edgeyolo.train.settings import parse_settings

    named = {key: values.pop(key) for key in _FLAGS}
    named["batch"] = _batch(named["batch"])
    named["settings"] = parse_settings(values.pop("settings"))
    named["log"] = choose_loggers(named["log"])
    if named["imgsz"] is None:
        named["imgsz"] = DEMO_IMGSZ if is_demo else _IMGSZ
    if named["epochs"] is None:
        named["epochs"] = _DEMO_EPOCHS if is_demo else _EPOCHS
    return Recipe(**named)


def _batch(text: str) -> int | None:
    if text.strip().lower() == "auto":
        return None
    try:
        return int(text)
    except ValueError as error:
        raise UsageError(f"batch {text!r} is not possible.", "Use a number, or auto.") from error
