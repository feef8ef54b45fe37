"""DeviceProfile: what is known of a board and how surely; each board is one file in ``profiles/``.

A file says at its bottom, under ``sources``, where each figure comes from; a figure without a
source is refused, because a report must be able to tell a sure figure from an unsure one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from typing import Any, Literal

from edgeyolo.errors import ConfigError, UsageError
from edgeyolo.locations import own_profiles, shipped
from edgeyolo.records import number, read_record
from edgeyolo.timing import Timing


class Sureness(Enum):
    """How far a figure can be trusted, surest first; a source begins with the value."""

    STATED = "stated by"
    DERIVED = "derived"
    UNCHECKED = "commonly stated, not checked"

    @property
    def mark(self) -> str:
        """Sign that goes wherever the figure goes, so that nobody takes it for a sure one."""
        return {"STATED": "", "DERIVED": "*", "UNCHECKED": "?"}[self.name]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a figure comes from."""

    sureness: Sureness
    text: str

    @classmethod
    def parse(cls, value: object) -> Source:
        """Read the sureness off the first words."""
        for sureness in Sureness:
            if isinstance(value, str) and value.startswith(sureness.value):
                return cls(sureness, value)
        raise ValueError(" or ".join(f"'{sureness.value} …'" for sureness in Sureness))


@dataclass(frozen=True, slots=True)
class Span:
    """A figure, or the range it lies in where sources differ."""

    low: float
    high: float

    @classmethod
    def parse(cls, value: object) -> Span:
        """Read a number or a list of two."""
        ends = [number(end) for end in (value if isinstance(value, list) else [value, value])]
        if len(ends) != 2 or ends[0] > ends[1]:
            raise ValueError("a number or [low, high]")
        return cls(*ends)

    def times(self, factor: float) -> Span:
        """Both ends multiplied; a tenth is as fine as any of our figures is."""
        return Span(round(self.low * factor, 1), round(self.high * factor, 1))

    def __str__(self) -> str:
        return "-".join(dict.fromkeys(f"{end:g}" for end in (self.low, self.high)))


@dataclass(frozen=True, slots=True)
class Cores:
    """The CPU cores of a board; all are of one kind."""

    count: int
    name: str


@dataclass(frozen=True, slots=True)
class Clock:
    """Highest clock under a condition, such as a power mode."""

    mhz: int
    cores: int | None = None  # cores switched on, where it is not all of them


@dataclass(frozen=True, slots=True)
class Isa:
    """Instructions that decide which kernels an engine picks."""

    fp16: bool  # arithmetic in half precision, not only conversion
    dotprod: bool  # int8 dot products (SDOT, UDOT)
    i8mm: bool  # int8 matrix products


@dataclass(frozen=True, slots=True)
class FlopPerCycle:
    """Floating-point operations of one core in one cycle; a fused multiply-add counts as two."""

    fp32: Span
    fp16: Span | None = None


@dataclass(frozen=True, slots=True)
class Cache:
    """One level of cache."""

    kb: int
    per: Literal["core", "chip"]


@dataclass(frozen=True, slots=True)
class Memory:
    """Main memory."""

    mb: tuple[int, ...]  # sizes that the board is sold with
    kind: str
    theoretical_mb_s: Span | None = None
    measured_mb_s: dict[str, Span] = field(default_factory=dict)  # by benchmark


@dataclass(frozen=True, slots=True)
class System:
    """An operating system and the newest wheels that pip finds for its own Python."""

    python: str
    wheels: dict[str, str] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Engine:
    """Whether an inference engine can be installed; the note says why not."""

    available: bool
    note: str = ""
    avoid: dict[str, str] = field(default_factory=dict)  # version → what it does here


@dataclass(frozen=True, slots=True)
class Trip:
    """What a board does when its chip gets hot."""

    celsius: float
    effect: str


@dataclass(frozen=True, slots=True)
class DeviceProfile:
    """Facts about a board; ``source`` tells how sure each of them is."""

    name: str
    title: str
    soc: str
    cores: Cores
    clocks: dict[str, Clock]  # by condition; the first is what the board does out of the box
    isa: Isa
    flop_per_cycle: FlopPerCycle
    caches: dict[str, Cache]
    memory: Memory
    systems: dict[str, System]
    engines: dict[str, Engine]
    cameras: dict[str, str]  # kind → what reads it
    thermals: tuple[Trip, ...]
    sources: dict[str, Source]  # key, as in "memory.kind" → source of all that is below it
    notes: tuple[str, ...] = ()
    latency: dict[str, dict[str, Timing]] = field(default_factory=dict)  # by engine and precision

    @property
    def default_clock(self) -> str:
        """Condition of the clock that the board has out of the box."""
        return next(iter(self.clocks))

    def active_cores(self, condition: str) -> int:
        """Cores that are switched on under a condition of ``clocks``."""
        return self.clocks[condition].cores or self.cores.count

    def peak_gflops(self, precision: Literal["fp32", "fp16"], condition: str) -> Span | None:
        """Peak of all active cores; ``None`` where they cannot calculate in that precision."""
        span: Span | None = getattr(self.flop_per_cycle, precision)
        gigahertz = self.clocks[condition].mhz / 1000
        return span and span.times(self.active_cores(condition) * gigahertz)

    def peak_sureness(self, condition: str) -> Sureness:
        """A product of two figures is derived at best, and no surer than either."""
        factors = (self.sureness("flop_per_cycle"), self.sureness(f"clocks.{condition}"))
        return _least((Sureness.DERIVED, *factors))

    def source(self, key: str) -> Source:
        """Source of a figure, named as in ``memory.kind``: its own, or the nearest above it."""
        return self.sources[max((above for above in self.sources if _covers(above, key)), key=len)]

    def sureness(self, key: str) -> Sureness:
        """How sure a figure is; of a block, how sure the least sure figure in it is."""
        above = [source for source in self.sources if _covers(source, key)]
        below = [source for source in self.sources if _covers(key, source)]
        relevant = {*below, *sorted(above, key=len)[-1:]}
        return _least(self.sources[source].sureness for source in relevant)

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON values, the peaks included."""
        return asdict(self) | {
            "peak_gflops": {condition: self._peaks(condition) for condition in self.clocks},
            "sources": {
                key: {"sureness": source.sureness.name.lower(), "text": source.text}
                for key, source in self.sources.items()
            },
        }

    def _peaks(self, condition: str) -> dict[str, Any]:
        peaks = {
            "fp32": self.peak_gflops("fp32", condition),
            "fp16": self.peak_gflops("fp16", condition),
        }
        values: dict[str, Any] = {key: span and asdict(span) for key, span in peaks.items()}
        return values | {"sureness": self.peak_sureness(condition).name.lower()}


def profile_names() -> list[str]:
    """Names of the boards that edgeyolo or the user knows."""
    return sorted(_files())


def load_profile(name: str) -> DeviceProfile:
    """Read the profile of a board, the user's own before the one that comes with edgeyolo.

    Raises:
        UsageError: when there is none of that name.
        ConfigError: when its file is not as it should be.
    """
    files = _files()
    if name not in files:
        near = get_close_matches(name.lower(), files, n=1, cutoff=0)
        raise UsageError(
            f"There is no device profile {name!r}.",
            f"The nearest is {near[0]!r}; 'edgeyolo profiles' lists all."
            if near
            else "This installation has no profiles; install edgeyolo again.",
        )
    return read_profile(files[name])


def read_profile(path: Path) -> DeviceProfile:
    """Read a profile from a file; the board is named as the file is.

    Raises:
        ConfigError: for a key that is unknown, missing, of a wrong kind or without a source.
    """
    profile = read_record(DeviceProfile, path, name=path.stem)
    _check_sources(profile, path)
    _check_timings(profile, path)
    return profile


def _files() -> dict[str, Path]:
    folders = (shipped("profiles"), own_profiles())
    return {path.stem: path for folder in folders if folder for path in folder.glob("*.yaml")}


def _check_sources(profile: DeviceProfile, path: Path) -> None:
    """Every figure has a source, and every source a figure."""
    labels = ("name", "title", "sources", "latency")  # a latency names its own source
    keys = _keys({key: value for key, value in _parts(profile).items() if key not in labels})
    for source in profile.sources:
        if source not in keys:
            near = get_close_matches(source, keys, n=1, cutoff=0)[0]
            raise ConfigError(
                f"{path} has a source for an unknown key {source!r}.",
                f"The nearest known one is {near!r}.",
            )
    for key, is_figure in keys.items():
        if is_figure and not any(_covers(source, key) for source in profile.sources):
            raise ConfigError(
                f"{path} has no source for {key!r}.",
                f"Add a line '{key}: {Sureness.STATED.value} …' under 'sources'.",
            )


def _check_timings(profile: DeviceProfile, path: Path) -> None:
    for engine, found in profile.latency.items():
        for precision, timing in found.items():
            try:
                timing.check()
            except ValueError as error:
                raise ConfigError(
                    f"{path}: latency.{engine}.{precision} is not complete: {error}.",
                    "Write it as its neighbors do.",
                ) from error


def _keys(parts: dict[str, Any], above: str = "") -> dict[str, bool]:
    """Keys of all that is said, as in ``memory.kind``; true for a figure, false for a block."""
    found = {}
    for name, entry in parts.items():
        if entry not in (None, "", (), {}):
            found[f"{above}{name}"] = not _parts(entry)
            found.update(_keys(_parts(entry), f"{above}{name}."))
    return found


def _parts(value: object) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    if not is_dataclass(value) or isinstance(value, Span):
        return {}
    return {entry.name: getattr(value, entry.name) for entry in fields(value)}


def _least(sure: Iterable[Sureness]) -> Sureness:
    return max(sure, key=list(Sureness).index)


def _covers(source: str, key: str) -> bool:
    return f"{key}.".startswith(f"{source}.")
