"""edgeyolo profiles: the boards, and how surely each figure is known."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from edgeyolo.cli.options import json_flag
from edgeyolo.errors import DataError, UsageError

if TYPE_CHECKING:
    from edgeyolo.measure.own import Measurement
    from edgeyolo.profiles import DeviceProfile

COLUMNS = (
    f"{'profile':<24}{'cores':<13}{'MHz':>5} {'fp32':>11} {'fp16':>12} {'RAM GB':>7} {'GB/s':>10} "
    "  "
)
LEGEND = "64: stated by a source. 64*: derived. 64?: commonly stated, not checked."


class _Profiles(click.Group):
    """A group in which the name of a board stands for showing it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put in what is left out."""
        if not args or args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.command(
    cls=_Profiles,
    short_help="Show the boards that are known, or one of them.",
    subcommand_metavar="[NAME] | calibrate NAME FILE...",
)
def command() -> None:
    """Show the boards, or all that is known of the board NAME and how surely.

    Your own boards are YAML files like those in profiles/, in the folder "profiles" beside your
    config.toml.
    """


@command.command(short_help="Show the boards, or one of them: 'profiles NAME' is enough.")
@click.argument("name", required=False)
@json_flag
def show(name: str | None, as_json: bool) -> None:
    """Print a table of all boards, or all that is known of the board NAME and how surely."""
    from edgeyolo.measure.host import NAME, profile_of
    from edgeyolo.profiles import profile_names

    profiles = [profile_of(each) for each in ([name] if name else [*profile_names(), NAME])]
    if as_json:
        values = [profile.to_dict() for profile in profiles]
        click.echo(json.dumps(values[0] if name else values, indent=2))
        return
    for line in _card(profiles[0]) if name else _table(profiles):
        click.echo(line)


@command.command(short_help="Refine predictions by measurements from the board itself.")
@click.argument("name")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--forget", is_flag=True, help="Drop what was measured before.")
def calibrate(name: str, files: tuple[Path, ...], forget: bool) -> None:
    """Read answers of 'edgeyolo bench BUNDLE --json' that were made on the board NAME.

    FILE may be - for one that is pasted. From then on predictions for that board are refined by
    them, and their error shrinks.
    """
    from edgeyolo.measure import own
    from edgeyolo.measure.host import profile_of

    profile = profile_of(name)
    if not files and not forget:
        raise UsageError("No answer of a bench is named.", "Name its files, or - to paste one.")
    measured = [one for path in files for one in own.measurements_of(_json_of(path), str(path))]
    before = [_predicted(profile, one) for one in measured]
    if forget:
        was_there = own.forget(name)
        click.echo("What was measured is forgotten." if was_there else "Nothing was measured yet.")
    if not measured:
        return
    path = own.keep(name, measured)
    click.echo(f"{'':<58}{'measured':>9}{'before':>16}{'now':>16}")
    for one, old in zip(measured, before, strict=True):
        words = f"{one.engine} {one.precision}, {one.spec.name} at {one.imgsz} px"
        new = _predicted(profile, one)
        click.echo(f"{words:<58}{one.latency_ms:>9.1f}{old or '-':>16}{new or '-':>16}")
    click.echo(f"Kept in {path}.")


def _predicted(profile: DeviceProfile, measured: Measurement) -> str:
    from edgeyolo.measure.predict import Predictor, predicted_engines

    if (measured.engine, measured.precision) not in predicted_engines(profile):
        return ""
    predict = Predictor(profile, measured.engine, measured.precision, measured.threads)
    return str(predict(measured.works()))


def _json_of(path: Path) -> object:
    text = sys.stdin.read() if str(path) == "-" else _text(path)
    try:
        return json.loads(text)
    except ValueError as error:
        raise DataError(f"{path} is no JSON.", "Use 'edgeyolo bench BUNDLE --json'.") from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(
            f"{path} cannot be read: {reason}.", "Name an answer of a bench."
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text.", "Name an answer of a bench.") from error


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
    sizes = "-".join(f"{mb / 1024:.3g}" for mb in sorted({min(memory.mb), max(memory.mb)}))
    figures = (
        (f"{profile.clocks[condition].mhz}", _mark(profile, f"clocks.{condition}"), 5),
        (*_peak(profile, "fp32", condition), 11),
        (*_peak(profile, "fp16", condition), 12),
        (sizes, _mark(profile, "memory.mb"), 7),
        (*_bandwidth(profile), 10),
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
    yield from _latency(profile)
    for key, source in profile.sources.items():
        yield "sources", f"{key}: {source.text}"


def _latency(profile: DeviceProfile) -> Iterator[tuple[str, str]]:
    from edgeyolo.measure.predict import Predictor, predicted_engines
    from edgeyolo.measure.work import work_of
    from edgeyolo.slim.spec import SlimSpec

    for engine, precision in predicted_engines(profile):
        predict = Predictor(profile, engine, precision)
        figures = " and ".join(
            f"{predict(work_of(SlimSpec(), 80, imgsz))} ms at {imgsz} px" for imgsz in (320, 640)
        )
        yield "predicted", f"{engine} {precision}: YOLOv8n {figures}; {predict.origin}"


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
    if memory.theoretical_mb_s:
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


def _bandwidth(profile: DeviceProfile) -> tuple[str, str]:
    span = profile.memory.theoretical_mb_s
    return (f"{span.times(1e-3)}", _mark(profile, "memory.theoretical_mb_s")) if span else ("-", "")


def _mark(profile: DeviceProfile, key: str) -> str:
    return profile.sureness(key).mark
