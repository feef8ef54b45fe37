"""Settings: where a value comes from when no flag gives it.

A flag wins over an ``EDGEYOLO_*`` variable, over ``./edgeyolo.toml``, over the user's own
``config.toml``, over the built-in default. The keys of the files are those of ``SETTINGS``.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from edgeyolo.errors import ConfigError
from edgeyolo.locations import config_file

PROJECT_FILE = "edgeyolo.toml"
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of the configuration."""

    kind: type
    default: Any
    help: str
    is_secret: bool = False  # never shown
    takes_number: bool = False  # a text that may also be one: batch = 16, or "auto"


@dataclass(frozen=True, slots=True)
class Value:
    """A setting's value and where it came from."""

    value: Any
    origin: str


SETTINGS: dict[str, Setting] = {
    "data": Setting(str, None, "data.yaml of the data set, or 'demo'"),
    "from": Setting(str, None, "checkpoint to start from: a path, or a name such as yolov8n.pt"),
    "width": Setting(float, 0.25, "channels, as a part of YOLOv8's: k/64; YOLOv8n has 0.25"),
    "depth": Setting(float, 0.33, "repeats of the blocks, as a part of YOLOv8's"),
    "heads": Setting(str, "P3,P4,P5", "detection levels kept"),
    "reg_max": Setting(int, 16, "DFL bins per box side: 16, 8, 4 or 1"),
    "max_channels": Setting(int, 1024, "cap on the channels before the width is applied"),
    "activation": Setting(str, "silu", "silu, relu or hardswish"),
    "cut_backbone": Setting(bool, False, "drop the backbone stage that only P5 uses"),
    "importance": Setting(str, "taylor", "what tells which channels stay: taylor, l2, l1 or bn"),
    "gradual": Setting(int, 1, "steps in which channels go, with training in between"),
    "distill": Setting(float, 1.0, "weight of what the wide net teaches; 0: labels alone"),
    "distill_features": Setting(float, 0.0, "weight of where the wide net's neck looks"),
    "teacher": Setting(str, None, "checkpoint that teaches [the wide net]"),
    "finetune": Setting(bool, True, "train starting weights of other classes on the data first"),
    "imgsz": Setting(int, None, "side of the square input in pixels [640; demo data 320]"),
    "epochs": Setting(int, None, "epochs of the slim net [60; demo data 8]"),
    "wide_epochs": Setting(int, 40, "epochs of the wide net, where it has to be trained first"),
    "batch": Setting(
        str, "16", "images per training step; auto: as many as the GPU holds", takes_number=True
    ),
    "device": Setting(
        *(str, "auto", "where to train: auto, cpu, cuda:N, or several GPUs, as 0,1"),
        takes_number=True,
    ),
    "seed": Setting(int, 0, "random seed of the training"),
    "patience": Setting(int, None, "end after so many epochs without a better one [never]"),
    "lr": Setting(float, None, "learning rate at the beginning [by the optimizer]"),
    "pretrain_classify": Setting(str, None, "image folder; the backbone learns to classify first"),
    "pretrain_epochs": Setting(int, 20, "epochs of that"),
    "pretrain_imgsz": Setting(int, 224, "side of the square input of that, in pixels"),
    "freeze": Setting(
        str, None, "layers that stay as they are: backbone, or so many", takes_number=True
    ),
    "log": Setting(
        str, None, "tensorboard, wandb, mlflow, picsellia or none [tensorboard where installed]"
    ),
    "log_checkpoint": Setting(bool, False, "give the best net to loggers that keep files"),
    "bundle": Setting(str, None, "bundle to run [./bundle, else the newest under runs/]"),
    "engine": Setting(str, None, "inference engines, comma-separated; the first is the default"),
    "confidence": Setting(float, 0.25, "lowest score that is reported"),
    "iou": Setting(float, 0.7, "boxes of a class that overlap more are one object"),
    "threads": Setting(int, None, "threads of the engine [all cores]"),
    "serve_token": Setting(str, None, "what opens the page of --serve [a new one]", is_secret=True),
    "webhook_token": Setting(str, None, "what --webhook shows its server", is_secret=True),
    "mqtt_password": Setting(str, None, "of the user that --mqtt names", is_secret=True),
}


def lookup(key: str) -> Value:
    """Value of a setting without its flag.

    Raises:
        ConfigError: when the place that gives it holds an unknown key or a wrong value.
    """
    return all_values()[key]


def all_values() -> dict[str, Value]:
    """Every setting with its value and origin."""
    user, project = config_file(), Path(PROJECT_FILE)
    values = {key: Value(setting.default, "built-in") for key, setting in SETTINGS.items()}
    values.update(_from_file(user))
    values.update(_from_file(project))
    values.update(_from_environment())
    return values


def variable(key: str) -> str:
    """Environment variable of a setting."""
    return f"EDGEYOLO_{key.upper()}"


def _from_environment() -> dict[str, Value]:
    found = {}
    for key in SETTINGS:
        text = os.environ.get(variable(key))
        if text:  # an empty variable counts as not set
            found[key] = Value(_parse(key, text, variable(key)), variable(key))
    return found


def _from_file(path: Path) -> dict[str, Value]:
    if not path.is_file():
        return {}
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} is not valid TOML: {error}.", "Mend it and try again."
        ) from error
    return {key: Value(checked(key, value, path), str(path)) for key, value in table.items()}


def checked(key: str, value: Any, path: Path) -> Any:
    """A value of a file, as the setting wants it.

    Raises:
        ConfigError: for an unknown key, or a value of another kind.
    """
    if key not in SETTINGS:
        near = get_close_matches(key, SETTINGS, n=1, cutoff=0)[0]
        raise ConfigError(
            f"{path} has an unknown key {key!r}.", f"The nearest known one is {near!r}."
        )
    kind = SETTINGS[key].kind
    if isinstance(value, list) and kind is str:
        value = ",".join(map(str, value))
    if kind is float and type(value) is int:
        value = float(value)
    if SETTINGS[key].takes_number and type(value) is int:
        value = str(value)
    if type(value) is not kind:
        raise ConfigError(
            f"{path}: {key} is {value!r}, which is not {_KINDS[kind]}.", SETTINGS[key].help
        )
    return value


def _parse(key: str, text: str, origin: str) -> Any:
    kind = SETTINGS[key].kind
    if kind is bool and text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    try:
        if kind is bool:
            raise ValueError(text)
        return kind(text)
    except ValueError as error:
        raise ConfigError(f"{origin} is {text!r}, which is not {_KINDS[kind]}.") from error


_KINDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
