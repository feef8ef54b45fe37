"""YAML file → frozen dataclass, strictly: its annotations say which keys and kinds there are.

A field without a default is a key that must be there; a class with a ``parse`` method reads its
own value and raises ``ValueError`` with what it wants instead.
"""

from __future__ import annotations

import math
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import yaml

from edgeyolo.errors import ConfigError

Record = TypeVar("Record")
# Ten times faster where PyYAML was built with libyaml, as its wheels are; as safe.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_record(kind: type[Record], path: Path, **given: object) -> Record:
    """Read a file into a dataclass; ``given`` are fields that do not come from the file.

    Raises:
        ConfigError: when it is no YAML, or has a key that is unknown, missing or of a wrong kind.
    """
    record: Record = _record(kind, _load(path), _Place(path), given)
    return record


def number(value: object) -> float:
    """A finite number above 0, as every figure in our files is."""
    if type(value) not in (int, float) or not 0 < value < math.inf:  # type: ignore[operator]
        raise ValueError("a number above 0")
    return float(value)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class _Place:
    """A key of a file, for messages."""

    file: Path
    key: str = ""

    def inside(self, key: object) -> _Place:
        return _Place(self.file, f"{self.key}.{key}" if self.key else str(key))

    def refuse(self, value: object, wanted: object) -> ConfigError:
        return ConfigError(
            f"{self.file}: {self.key or 'the file'} is {value!r}, which is not {wanted}.",
            "Write it as its neighbors do.",
        )


def _load(path: Path) -> object:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}{where} is not valid YAML.", "Mend it and try again.") from error


def _read(kind: Any, value: Any, place: _Place) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in _LEAVES or hasattr(kind, "parse"):
        return _leaf(kind, value, place)
    if is_dataclass(kind):
        return _record(kind, value, place, {})
    if origin is dict:
        return _mapping(arguments[1], value, place)
    if origin is tuple:
        return _sequence(arguments[0], value, place)
    if origin is Literal:
        return _choice(arguments, value, place)
    return _read(arguments[0], value, place)  # X | None: a field that can be left out


def _record(kind: Any, value: Any, place: _Place, given: dict[str, object]) -> Any:
    if not isinstance(value, dict):
        raise place.refuse(value, "a block of keys")
    known = {entry.name: entry for entry in fields(kind) if entry.name not in given}
    _check_keys(known, value, place)
    hints = get_type_hints(kind)
    read = {key: _read(hints[key], entry, place.inside(key)) for key, entry in value.items()}
    return kind(**given, **read)


def _check_keys(known: dict[str, Field[Any]], value: dict[Any, Any], place: _Place) -> None:
    for key in value:
        if key not in known:
            near = get_close_matches(str(key), known, n=1, cutoff=0)[0]
            raise ConfigError(
                f"{place.file} has an unknown key {place.inside(key).key!r}.",
                f"The nearest known one is {place.inside(near).key!r}.",
            )
    for key, entry in known.items():
        needed = entry.default is MISSING and entry.default_factory is MISSING
        if needed and key not in value:
            raise ConfigError(
                f"{place.file} has no key {place.inside(key).key!r}.",
                f"The keys there are {', '.join(known)}.",
            )


def _mapping(kind: Any, value: Any, place: _Place) -> dict[str, Any]:
    # An empty block is a fact forgotten: what may be empty can be left out.
    if not isinstance(value, dict) or not value:
        raise place.refuse(value, "a block of names and values")
    for key in value:
        _leaf(str, key, place.inside(key))
    return {key: _read(kind, entry, place.inside(key)) for key, entry in value.items()}


def _sequence(kind: Any, value: Any, place: _Place) -> tuple[Any, ...]:
    if not isinstance(value, list) or not value:
        raise place.refuse(value, "a list")
    return tuple(_read(kind, entry, place) for entry in value)


def _choice(choices: tuple[str, ...], value: Any, place: _Place) -> Any:
    if value not in choices:
        raise place.refuse(value, " or ".join(choices))
    return value


def _leaf(kind: Any, value: Any, place: _Place) -> Any:
    try:
        return _LEAVES[kind](value) if kind in _LEAVES else kind.parse(value)
    except ValueError as wanted:
        raise place.refuse(value, wanted) from None


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a text (put it in quotes)")
    return value


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _whole(value: object) -> int:
    if type(value) is not int or value <= 0:  # not isinstance: True is an int
        raise ValueError("a whole number above 0")
    return value


_LEAVES = {str: _text, bool: _truth, int: _whole, float: number}
