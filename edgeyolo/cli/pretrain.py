"""The flags that let a backbone learn to classify before it learns to detect."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from edgeyolo.cli.options import setting

Function = TypeVar("Function", bound=Callable[..., Any])
_FLAGS = ("pretrain_classify", "pretrain_epochs", "pretrain_imgsz")


def pretrain_flags(function: Function) -> Function:
    """A flag for each of them; see :func:`pretrain_of`."""
    for key in reversed(_FLAGS):
        function = setting(key)(function)
    return function


def pretrain_of(values: dict[str, Any]) -> dict[str, Any]:
    """What the flags ask of a plan; nothing where no folder is named.

    Raises:
        DataError: when it is no folder of a classification set.
    """
    from edgeyolo.dataset.image_folder import read_image_folder

    named = {key: values[key] for key in _FLAGS}
    root = named.pop("pretrain_classify")
    if root is None:
        return {}
    return {"pretrain": str(read_image_folder(Path(root)).root), **named}
