"""study.yaml: what is asked for, every key and value checked before anything else is done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from edgeyolo.config import SETTINGS, checked
from edgeyolo.errors import UsageError
from edgeyolo.plan.plan import Plan
from edgeyolo.slim.sizes import SIZES
from edgeyolo.studies import factors
from edgeyolo.studies.factors import FACTORS, NETS, Level
from edgeyolo.studies.yaml_file import read_keys
from edgeyolo.train.recipe import Recipe
from edgeyolo.train.settings import parse_settings

SPECS, ANY = "spec", ""  # in ``Asked.starts``: what specs are slimmed from; one for all
_OWN = ("from", "grid", "include", "exclude", "set")
_TOLD = ("engine", "pretrain_classify")  # that have another name in a plan
Combination = dict[str, Level]  # some of net, batch, freeze, imgsz, seed


@dataclass(frozen=True, slots=True)
class Asked:
    """What stands in a ``study.yaml``.

    ``values`` are keys of the configuration, ``starts`` the checkpoints by size, ``settings``
    ultralytics' own as ``key=value``; ``grid`` has the levels of ``net``, ``batch``, ``freeze``,
    ``imgsz`` and ``seed``, as far as they are named.
    """

    path: Path
    values: dict[str, Any]
    starts: dict[str, str]
    settings: tuple[str, ...]
    grid: dict[str, tuple[Level, ...]]
    include: tuple[Combination, ...]
    exclude: tuple[Combination, ...]


def read_study(path: Path) -> Asked:
    """Read and check a file.

    Raises:
        UsageError: for the first thing that is wrong, naming the file and the key.
    """
    keys = read_keys(path)
    plain = _training_keys()
    _refuse_unknown(keys, (*_OWN, *plain, *factors.SETTINGS), path, "")
    if "grid" not in keys:
        raise UsageError(f"{path} has no grid.", "Add 'grid:' with 'size: [n, s]', say.")
    named = {key: keys[key] for key in plain if keys.get(key) is not None}
    return Asked(
        path=path,
        values={key: checked(key, value, path) for key, value in named.items()},
        starts=_starts(keys.get("from"), path),
        settings=_settings(keys.get("set"), path),
        grid=_grid(keys, path),
        include=_combinations(keys.get("include"), "include", path),
        exclude=_combinations(keys.get("exclude"), "exclude", path),
    )


@contextmanager
def told_of(path: Path, key: str = "") -> Iterator[None]:
    """What is refused inside is refused in the name of the file, and of a key of it."""
    try:
        yield
    except UsageError as error:
        if error.message.startswith(str(path)):  # told already, of a key further in
            raise
        where = f"{path}: {key}" if key else str(path)
        raise UsageError(f"{where}: {error.message}", error.hint) from error


def _training_keys() -> tuple[str, ...]:
    """What ``edgeyolo train`` and ``slim`` are told besides the net and what a study varies."""
    told = {*_TOLD, *(field.name for kind in (Recipe, Plan) for field in fields(kind))}
    return tuple(key for key in SETTINGS if key in told and key not in FACTORS)


def _refuse_unknown(keys: dict[str, Any], known: tuple[str, ...], path: Path, within: str) -> None:
    for key in keys:
        if key not in known:
            near = get_close_matches(key, known, n=1, cutoff=0)[0]
            where = f"{within} of {path}" if within else str(path)
            raise UsageError(f"{where} has an unknown key {key!r}.", f"The nearest is {near!r}.")


def _mapping(value: Any, key: str, path: Path) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{path}: {key}: {value!r} is no mapping.", "Write it as 'key: value'.")
    return {str(name): entry for name, entry in value.items()}


def _starts(value: Any, path: Path) -> dict[str, str]:
    if value is None:
        return {}
    found = {ANY: value} if not isinstance(value, dict) else _mapping(value, "from", path)
    _refuse_unknown({k: v for k, v in found.items() if k != ANY}, (*SIZES, SPECS), path, "from")
    for key, checkpoint in found.items():
        if not isinstance(checkpoint, str) or not checkpoint:
            where = "from" if key == ANY else f"from.{key}"
            raise UsageError(
                f"{path}: {where}: {checkpoint!r} is no checkpoint.", "Write a path or a name."
            )
    return found


def _settings(value: Any, path: Path) -> tuple[str, ...]:
    if value is None:
        return ()
    texts = tuple(f"{k}={json.dumps(v)}" for k, v in _mapping(value, "set", path).items())
    with told_of(path, "set"):
        parse_settings(texts)
    return texts


def _grid(keys: dict[str, Any], path: Path) -> dict[str, tuple[Level, ...]]:
    grid = _mapping(keys["grid"], "grid", path)
    _refuse_unknown(grid, FACTORS, path, "grid")
    twice = next((key for key in grid if key in keys), None)
    if twice is not None:
        raise UsageError(
            f"{path} names {twice} twice, in the grid and beside it.", "Leave out one of them."
        )
    found = {key: _levels(key, value, f"grid.{key}", path) for key, value in grid.items()}
    beside = {key: keys[key] for key in factors.SETTINGS if key in keys}
    found |= {key: (_level(key, value, key, path),) for key, value in beside.items()}
    nets = tuple(net for key in NETS for net in found.pop(key, ()))
    if not nets:
        raise UsageError(f"{path}: grid names no net.", "Add 'size: [n]', say, or 'spec: […]'.")
    return {"net": nets, **found}


def _levels(key: str, value: Any, where: str, path: Path) -> tuple[Level, ...]:
    values = value if isinstance(value, list) else [value]
    levels = tuple(_level(key, each, where, path) for each in values)
    if not levels:
        raise UsageError(f"{path}: {where} is empty.", "Name a value, or leave it out.")
    for given, level in zip(values, levels, strict=True):
        if levels.count(level) > 1:
            raise UsageError(f"{path}: {where} has {given!r} twice.", "Leave out one of them.")
    return levels


def _level(key: str, value: Any, where: str, path: Path) -> Level:
    with told_of(path, where):
        return (NETS | factors.SETTINGS)[key](value)


def _combinations(value: Any, key: str, path: Path) -> tuple[Combination, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise UsageError(f"{path}: {key}: {value!r} is no list.", "Write '- size: n' below it.")
    return tuple(_combination(each, f"{key}[{i}]", path) for i, each in enumerate(value))


def _combination(value: Any, where: str, path: Path) -> Combination:
    entry = _mapping(value, where, path)
    _refuse_unknown(entry, FACTORS, path, where)
    levels = {key: _level(key, each, f"{where}.{key}", path) for key, each in entry.items()}
    nets = [levels.pop(key) for key in NETS if key in levels]
    if not entry or len(nets) > 1:
        wrong = "names a size and a spec" if nets else "is empty"
        raise UsageError(f"{path}: {where} {wrong}.", "Name one net, or only other factors.")
    return {**({"net": nets[0]} if nets else {}), **levels}
