"""ultralytics' own training settings, by name: ``--set mosaic=0.5``."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from edgeyolo.errors import MissingDependencyError, UsageError

# What edgeyolo decides, with the flag that asks for it where there is one.
_OURS = {
    **{name: f"--{name}" for name in ("epochs", "imgsz", "batch", "device", "seed", "patience")},
    **{name: f"--{name}" for name in ("freeze", "data", "name")},
    "lr0": "--lr",
    "model": "--from",
    "distill_model": "--teacher",
    "dis": "--distill",
    "resume": "edgeyolo resume",
    **dict.fromkeys(("task", "mode", "project", "exist_ok", "pretrained", "save", "val"), ""),
    **dict.fromkeys(("cfg", "plots", "verbose", "time", "single_cls", "rect", "fraction"), ""),
    "profile": "",
}
_TRAINING = "Hyperparameters", "Train settings"  # the blocks of the file that a training reads


def parse_settings(texts: Iterable[str]) -> dict[str, Any]:
    """Read ``key=value`` pairs.

    Raises:
        UsageError: for a key that a training does not know, or that edgeyolo decides.
        MissingDependencyError: without ultralytics, which knows the keys.
    """
    found: dict[str, Any] = {}
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not value:
            raise UsageError(f"--set {text} names no value.", "Write it as --set mosaic=0.5.")
        _check_key(key)
        found[key] = _value(key, value)
        if (key, found[key]) == ("cache", "disk"):
            raise UsageError(
                "--set cache=disk would write beside your images.", "Use cache=ram, or cache=false."
            )
    return found


def check_settings(settings: dict[str, Any]) -> None:
    """Let ultralytics judge the values.

    Raises:
        UsageError: with what it says of one that it refuses.
    """
    if not settings:
        return
    from ultralytics.cfg import check_cfg

    try:
        check_cfg(dict(settings))
    except (TypeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise UsageError(
            f"ultralytics refuses --set: {reason}.", "Choose another value."
        ) from error


def _check_key(key: str) -> None:
    if key in _OURS:
        flag = _OURS[key]
        raise UsageError(
            f"{key!r} is not for --set: edgeyolo decides it.",
            f"Use {flag}." if flag else "Leave it out.",
        )
    if key not in _known():
        near = get_close_matches(key, _known(), n=1, cutoff=0)[0]
        raise UsageError(
            f"ultralytics has no training setting {key!r}.", f"The nearest is {near!r}."
        )


def _value(key: str, text: str) -> Any:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"{text!r} is no value of {key}.", "Write a number or a word.") from error
    default = _known()[key]
    is_number = type(default) in (int, float)
    if is_number and type(value) not in (int, float):
        raise UsageError(f"{key} is a number, and {text!r} is none.", f"Its default is {default}.")
    return value


@cache
def _known() -> dict[str, Any]:
    """Defaults of the settings that a training reads, without importing ultralytics for them."""
    found = importlib.util.find_spec("ultralytics")
    if found is None or not found.submodule_search_locations:
        raise MissingDependencyError("ultralytics", "workshop")
    path = Path(found.submodule_search_locations[0]) / "cfg" / "default.yaml"
    text = path.read_text(encoding="utf-8")
    blocks = text.split("\n# ")
    training = "\n".join(block.partition("\n")[2] for block in blocks if _is_training(block))
    values: dict[str, Any] = yaml.safe_load(training)
    return values


def _is_training(block: str) -> bool:
    return block.startswith(_TRAINING)
