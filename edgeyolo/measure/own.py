"""Measurements of one's own boards, kept beside one's own profiles: they refine predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgeyolo.errors import ConfigError, DataError, EdgeyoloError
from edgeyolo.files import read_json, write_json
from edgeyolo.locations import own_profiles
from edgeyolo.measure.work import Work, work_of
from edgeyolo.slim.spec import SlimSpec, check_imgsz

FORMAT = "edgeyolo-measurements"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Measurement:
    """Median latency of the engine's run alone, as ``edgeyolo bench`` found it on a board."""

    engine: str
    precision: str
    threads: int
    spec: SlimSpec
    classes: int
    imgsz: int
    latency_ms: float
    machine: str = ""
    version: str = ""  # of the engine

    def works(self) -> list[Work]:
        """Layers of the net that was measured."""
        return work_of(self.spec, self.classes, self.imgsz)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "spec": self.spec.to_dict()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Measurement:
        """Inverse of :meth:`to_dict`.

        Raises:
            ValueError, TypeError, LookupError: when it is none.
        """
        found = cls(**{**values, "spec": SlimSpec.from_dict(values["spec"])})
        check_imgsz(found.imgsz)
        if not 0 < found.latency_ms < 1e7 or found.threads < 1 or found.classes < 1:
            raise ValueError("a latency, a number of threads or of classes is not above 0")
        return found


def own_measurements(profile: str) -> list[Measurement]:
    """What was measured on the user's board of this name.

    Raises:
        ConfigError: when the file that holds it is damaged.
    """
    path = _path(profile)
    if not path.is_file():
        return []
    try:
        content = read_json(path)
        if (content["format"], content["version"]) != (FORMAT, VERSION):
            raise ValueError("another format")
        return [Measurement.from_dict(values) for values in content["measurements"]]
    except (EdgeyoloError, ValueError, TypeError, LookupError) as error:
        raise ConfigError(
            f"{path} is damaged or of another edgeyolo.",
            f"Remove it: edgeyolo profiles calibrate {profile} --forget.",
        ) from error


def keep(profile: str, measurements: Sequence[Measurement]) -> Path:
    """Add measurements; one of the same net and circumstances takes the place of the older."""
    known = {_what(old): old for old in own_measurements(profile)}
    known |= {_what(new): new for new in measurements}
    path = _path(profile)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = [measurement.to_dict() for measurement in known.values()]
    write_json(path, {"format": FORMAT, "version": VERSION, "measurements": content})
    return path


def forget(profile: str) -> bool:
    """Drop what was measured; whether there was anything."""
    path = _path(profile)
    was_there = path.is_file()
    path.unlink(missing_ok=True)
    return was_there


def measurements_of(answer: Any, name: str) -> list[Measurement]:
    """Those in the JSON of ``edgeyolo bench``; ``name`` is what the JSON is called in messages.

    Raises:
        DataError: when it is not such JSON.
    """
    try:
        environment = answer["environment"]
        return [
            Measurement.from_dict(
                {
                    "engine": result["engine"],
                    "precision": result["precision"],
                    "threads": result["threads"],
                    "spec": result["spec"],
                    "classes": result["classes"],
                    "imgsz": result["imgsz"],
                    "latency_ms": result["engine_only_ms"]["p50"],
                    "machine": environment["machine"],
                    "version": environment["versions"].get(result["engine"], ""),
                }
            )
            for result in answer["results"]
        ]
    except (EdgeyoloError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise DataError(
            f"{name} is no answer of 'edgeyolo bench BUNDLE --json'.",
            "Run that on the board, and bring its answer here.",
        ) from error


def _what(measurement: Measurement) -> tuple[object, ...]:
    found = measurement
    return (
        *(found.engine, found.precision, found.threads, found.spec.name),
        *(found.classes, found.imgsz),
    )


def _path(profile: str) -> Path:
    return own_profiles() / f"{profile}.measured.json"
