"""edgeyolo profiles: the boards, and how surely each figure is known."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import click

from edgeyolo.cli.options import json_flag

if TYPE_CHECKING:
    from edgeyolo.profiles import DeviceProfile

COLUMNS = (
    f"{'profile':<24}{'cores':<13}{'MHz':>5} {'fp32':>9} {'fp16':>7} {'RAM GB':>7} {'GB/s':>7}   "
)
LEGEND = "64: stated by a source. 64*: derived. 64?: commonly stated, not checked."


@click.command(short_help="Show the boards that are known, or one of them.")
@click.argument("name", required=False)
@json_flag
def command(name: str | None, as_json: bool) -> None:
    """Print a table of all boards, or all that is known of the board NAME and how surely."""
    from edgeyolo.profiles import load_profile, profile_names

    profiles = [load_profile(each) for each in ([name] if name else profile_names())]
    if as_json:
        values = [profile.to_dict() for profile in profiles]
        click.echo(json.dumps(values[0] if name else values, indent=2))
        return
    for line in _card(profiles[0]) if name else _table(profiles):
        click.echo(line)


def _table(profiles: list[DeviceProfile]) -> Iterator[str]:
    yield COLUMNS + "no wheel"
    for profile in profiles:
        yield _row(profile)
    yield ""
    yield "Clock, peak GFLOP/s in fp32 and fp16, and theoretical bandwidth, out of the box."
    yield LEGEND
    yield "Other modes, measured bandwidth and sources: edgeyolo profiles NAME"


def _row(profile: DeviceProfile) -> str:
    condition, memory = profile.default_clock, profile.memory
    active, count = profile.active_cores(condition), profile.cores.count
    cores = f"{active} of {count}" if active < count else f"{count}"
    sizes = "-".join(f"{mb / 1024:g}" for mb in sorted({min(memory.mb), max(memory.mb)}))
    figures = (
        (f"{profile.clocks[condition].mhz}", _mark(profile, f"clocks.{condition}"), 5),
        (*_peak(profile, "fp32", condition), 9),
        (*_peak(profile, "fp16", condition), 7),
        (sizes, _mark(profile, "memory.mb"), 7),
        (f"{memory.theoretical_mb_s.times(1e-3)}", _mark(profile, "memory.theoretical_mb_s"), 7),
    )
    missing = [name for name, engine in profile.engines.items() if not engine.available]
    return (
        f"{profile.name:<24}{cores + ' ' + profile.cores.name.removeprefix('Cortex-'):<13}"
        # The mark has a column of its own, so that the digits stay below each other.
        + "".join(f"{text:>{width}}{mark:<1}" for text, mark, width in figures)
        + f"  {', '.join(missing) or '-'}"
    )


def _card(profile: DeviceProfile) -> Iterator[str]:
    yield f"{profile.title} ({profile.name})"
    last = ""
    for label, text in _facts(profile):
        first = f"{label if label != last else '':<11} "
        yield from textwrap.wrap(
            text,
            100,
            initial_indent=first,
            subsequent_indent=" " * 14,
            break_on_hyphens=False,  # file names stay whole, for a search
        )
        last = label
    yield LEGEND


def _facts(profile: DeviceProfile) -> Iterator[tuple[str, str]]:
    """Label and text of every line of a card; the same label twice is one block."""
    yield "chip", f"{profile.soc}{_mark(profile, 'soc')}"
    yield "cores", f"{profile.cores.count} x {profile.cores.name}{_mark(profile, 'cores')}"
    for condition in profile.clocks:
        yield "clock", _clock(profile, condition)
    flags = {"fp16 arithmetic": "fp16", "int8 dot products": "dotprod", "i8mm": "i8mm"}
    has = [f"{'' if getattr(profile.isa, key) else 'no '}{text}" for text, key in flags.items()]
    yield "isa", f"{', '.join(has)}{_mark(profile, 'isa')}"
    for level, cache in profile.caches.items():
        yield "caches", f"{level} {cache.kb} KB per {cache.per}{_mark(profile, f'caches.{level}')}"
    yield from _memory(profile)
    yield from _software(profile)
    for kind, reader in profile.cameras.items():
        yield "cameras", f"{kind}: {reader}{_mark(profile, f'cameras.{kind}')}"
    for trip in profile.thermals:
        yield "heat", f"{trip.celsius:g} C{_mark(profile, 'thermals')}: {trip.effect}"
    for note in profile.notes:
        yield "notes", f"{note}{_mark(profile, 'notes')}"
    for key, source in profile.sources.items():
        yield "sources", f"{key}: {source.text}"


def _clock(profile: DeviceProfile, condition: str) -> str:
    clock = profile.clocks[condition]
    cores = f" on {clock.cores} cores" if clock.cores else ""
    fp32, fp16 = (_peak(profile, precision, condition) for precision in ("fp32", "fp16"))
    half = f", {''.join(fp16)} in fp16" if profile.flop_per_cycle.fp16 else ""
    default = " (out of the box)" if condition == profile.default_clock else ""
    return (
        f"{condition}{default}: {clock.mhz}{_mark(profile, f'clocks.{condition}')} MHz{cores}, "
        f"peak {''.join(fp32)} GFLOP/s in fp32{half}"
    )


def _memory(profile: DeviceProfile) -> Iterator[tuple[str, str]]:
    memory = profile.memory
    sizes = ", ".join(f"{mb}" for mb in memory.mb)
    yield "memory", f"{sizes}{_mark(profile, 'memory.mb')} MB"
    yield "memory", f"{memory.kind}{_mark(profile, 'memory.kind')}"
    in_theory = f"{memory.theoretical_mb_s}{_mark(profile, 'memory.theoretical_mb_s')}"
    yield "memory", f"{in_theory} MB/s in theory"
    for benchmark, speed in memory.measured_mb_s.items():
        mark = _mark(profile, f"memory.measured_mb_s.{benchmark}")
        yield "memory", f"{speed}{mark} MB/s measured ({benchmark})"


def _software(profile: DeviceProfile) -> Iterator[tuple[str, str]]:
    for name, system in profile.systems.items():
        wheels = ", ".join(f"{engine} {version}" for engine, version in system.wheels.items())
        note = f"; {system.note}" if system.note else ""
        mark = _mark(profile, f"systems.{name}")
        yield "systems", f"{name}{mark}: Python {system.python}; {wheels or 'no wheels'}{note}"
    for name, engine in profile.engines.items():
        avoid = [f"; not {version}, which {why}" for version, why in engine.avoid.items()]
        note = f"; {engine.note}" if engine.note else ""
        state = "has a wheel" if engine.available else "no wheel"
        mark = _mark(profile, f"engines.{name}")
        yield "engines", f"{name}{mark}: {state}{''.join(avoid)}{note}"


def _peak(
    profile: DeviceProfile, precision: Literal["fp32", "fp16"], condition: str
) -> tuple[str, str]:
    peak = profile.peak_gflops(precision, condition)
    return (f"{peak}", profile.peak_sureness(condition).mark) if peak else ("-", "")


def _mark(profile: DeviceProfile, key: str) -> str:
    return profile.sureness(key).mark
