"""edgeyolo bench: latency of bundles on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeyolo.cli.ending import stop_in_order
from edgeyolo.cli.narrator import Narrator
from edgeyolo.cli.options import data_choice, engine_flag, engine_of, engines_of, json_flag
from edgeyolo.config import lookup
from edgeyolo.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from edgeyolo.device.bundle import Bundle
    from edgeyolo.measure.latency import LatencySamples, Subject
    from edgeyolo.measure.limits import Limit
    from edgeyolo.measure.predict import Prediction
    from edgeyolo.profiles import DeviceProfile

_RUNS = 20  # in a round
# Rounds and seconds; both have to be reached.
_QUICK, _USUAL, _THOROUGH = (5, 0.0), (10, 60.0), (10, 600.0)
_WARM_UP_S = 30.0


@dataclass(frozen=True, slots=True)
class _Case:
    """One engine of one bundle with one number of threads."""

    bundle: Bundle
    subject: Subject
    predicted: Prediction | None

    @property
    def label(self) -> str:
        return f"{self.bundle.root.name} {self.subject.engine}"


@click.command(short_help="Measure the latency of bundles on this machine.")
@click.argument("bundles", nargs=-1, required=True, type=click.Path(path_type=Path))
@engine_flag("Engines to time, comma-separated; as configured or the bundle's default if left out.")
@click.option("--threads", help="Threads of the engine, comma-separated [all cores].")
@click.option("--data", help="Take the images from this data set; a made-up one if left out.")
@click.option("--quick", is_flag=True, help="100 runs of each, instead of 200 and 60 seconds.")
@click.option("--thorough", is_flag=True, help="10 minutes.")
@click.option("--soak", metavar="TIME", help="So long, such as 30m: what is left when it is hot.")
@click.option("--rounds", type=click.IntRange(1), help="So many rounds, however long they take.")
@click.option("--runs", type=click.IntRange(1), default=_RUNS, show_default=True, help="Per round.")
@click.option(
    "--assert",
    "limits",
    multiple=True,
    metavar="LIMIT",
    help="End with 5 if it is not kept: 'p90<66ms', 'engine.p90<40ms', 'camera.p90<90ms'.",
)
@click.option("--layers", is_flag=True, help="Show the slowest layers; the JSON always has them.")
@click.option("--profile", help="As many cores as this board has, and what is predicted for it.")
@click.option("--on", "host", metavar="HOST", help="Measure on a board, such as pi@raspberrypi.")
@click.option("--port", type=click.IntRange(1, 65535), help="Of ssh, with --on.")
@click.option("--ssh-config", type=click.Path(path_type=Path), help="In place of ~/.ssh/config.")
@click.option("--wheel", type=click.Path(path_type=Path), help="Of edgeyolo, in place of this one.")
@click.option("--wheelhouse", is_flag=True, help="Take all packages along; for no network there.")
@json_flag
def command(
    bundles: tuple[Path, ...],
    engine: str | None,
    threads: str | None,
    data: str | None,
    quick: bool,
    thorough: bool,
    soak: str | None,
    rounds: int | None,
    runs: int,
    limits: tuple[str, ...],
    layers: bool,
    profile: str | None,
    host: str | None,
    as_json: bool,
    **ssh: Any,
) -> None:
    """Time each BUNDLE in a clean process: the engine alone, image to detections, and a camera.

    All take turns, so that what happens to the machine happens to all of them; several are compared
    with the first, round by round. Raw times of every run are in the JSON.

    With --on, edgeyolo and the bundle are brought to the board, measured there, and removed again.
    """
    from edgeyolo.measure.limits import Limit
    from edgeyolo.report.bench import bench_table, layer_table

    wanted = [Limit.parse(text) for text in limits]
    least, seconds = _length(quick, thorough, soak, rounds)
    if host is not None:
        if len(bundles) > 1 or data:
            raise UsageError("--on takes one bundle, and no --data.", "Name one bundle.")
        words = _words(quick, thorough, soak, rounds, runs, threads)
        answer = _there(bundles[0], engine, host, profile, words, **ssh)
    else:
        cases = list(_cases(bundles, engine, threads, profile))
        answer = _here(cases, data, least, runs, seconds)
    broken = [_broken(limit, result) for limit in wanted for result in answer["results"]]
    said = [sentence for sentence in broken if sentence]
    answer["broken"] = said
    if as_json:
        click.echo(json.dumps(answer))
    else:
        click.echo(bench_table(answer))
        if layers:
            click.echo(layer_table(answer))
    for sentence in said:
        click.echo(f"edgeyolo: {sentence}", err=True)
    if said:
        raise click.exceptions.Exit(ExitCode.BUDGET_NOT_MET)


def _here(
    cases: Sequence[_Case], data: str | None, rounds: int, runs: int, seconds: float
) -> dict[str, Any]:
    from edgeyolo.measure.latency import LAYER_RUNS, measure
    from edgeyolo.measure.state import watching

    images = data_choice(data).open().images("val")[:16] if data else ()
    with closing(Narrator()) as narrator, watching() as states:
        narrator.stage(f"{len(cases)} to time: {', '.join(_labels(cases))}", 1, 1)
        samples = measure(
            *([case.subject for case in cases], images),
            rounds=rounds,
            runs=runs,
            seconds=seconds,
            warm_up_s=_WARM_UP_S,
            camera=True,
            layers=LAYER_RUNS,
            progress=narrator.step,
        )
    return _answer(cases, samples, states, len(images))


def _there(
    path: Path,
    engine: str | None,
    host: str,
    profile: str | None,
    words: Sequence[str],
    *,
    port: int | None,
    ssh_config: Path | None,
    wheel: Path | None,
    wheelhouse: bool,
) -> dict[str, Any]:
    """What the board measured, with what was predicted for it."""
    from edgeyolo.deploy.bench import bench_there
    from edgeyolo.deploy.connection import connected
    from edgeyolo.deploy.flow import Request
    from edgeyolo.deploy.host import checked_host
    from edgeyolo.device.bundle import Bundle

    bundle = Bundle.open(path)
    request = Request(bundle, engine_of(bundle, engine), wheel, wheelhouse)
    board, flags = _board(profile), ("--engine", request.engine, *words)
    stop_in_order()
    target = checked_host(host)
    with connected(target, port, ssh_config) as connection, closing(Narrator()) as narrator:
        answer = bench_there(connection, request, flags, narrator)
    for result in answer["results"]:
        predicted = _prediction(board, bundle, result["engine"], result["threads"])
        if predicted:
            result["predicted"] = predicted.to_dict()
    return {**answer, "host": host}


def _words(
    quick: bool,
    thorough: bool,
    soak: str | None,
    rounds: int | None,
    runs: int,
    threads: str | None,
) -> list[str]:
    """The flags again, for the command on the board."""
    given = {"--soak": soak, "--rounds": rounds, "--runs": runs, "--threads": threads}
    words = [word for flag, value in given.items() if value for word in (flag, str(value))]
    return words + ["--quick"] * quick + ["--thorough"] * thorough


def _length(quick: bool, thorough: bool, soak: str | None, rounds: int | None) -> tuple[int, float]:
    """Rounds and seconds."""
    from edgeyolo.measure.limits import duration_s

    if sum(map(bool, (quick, thorough, soak, rounds))) > 1:
        raise UsageError(
            "--quick, --thorough, --soak and --rounds exclude each other.", "Name one of them."
        )
    if soak:
        return _USUAL[0], duration_s(soak)
    if rounds:
        return rounds, 0.0
    return _QUICK if quick else _THOROUGH if thorough else _USUAL


def _cases(
    paths: Sequence[Path], engine: str | None, threads: str | None, profile: str | None
) -> Iterator[_Case]:
    from edgeyolo.device.bundle import Bundle
    from edgeyolo.device.engine import available_cores
    from edgeyolo.measure.latency import Subject

    board, cores = _board(profile), None
    if board is not None:
        cores = min(board.active_cores(board.default_clock), available_cores())
    counts = _counts(threads, cores)
    for path in paths:
        bundle = Bundle.open(path)
        for name in engines_of(bundle, engine):
            for count in counts:
                subject = Subject(bundle.root, name, count, cores=cores)
                yield _Case(bundle, subject, _prediction(board, bundle, name, count))


def _counts(text: str | None, cores: int | None) -> list[int | None]:
    if text is None:
        configured = lookup("threads").value
        return [configured if cores is None else min(configured or cores, cores)]
    words = text.replace(",", " ").split()
    if not words or not all(word.isdigit() and int(word) > 0 for word in words):
        raise UsageError(f"--threads is {text!r}, which is no number.", "Write 4, or 1,2,4.")
    return [int(word) for word in dict.fromkeys(words)]


def _board(profile: str | None) -> DeviceProfile | None:
    from edgeyolo.measure.host import profile_of

    return profile_of(profile) if profile else None


def _prediction(
    board: DeviceProfile | None, bundle: Bundle, engine: str, threads: int | None
) -> Prediction | None:
    """For the board, where its costs and the net are known."""
    if board is None or not bundle.provenance.get("spec"):
        return None
    from edgeyolo.measure.predict import Predictor
    from edgeyolo.measure.work import work_of
    from edgeyolo.slim.spec import SlimSpec

    try:
        predict = Predictor(board, engine, bundle.precision, threads)
    except UsageError:
        return None
    spec = SlimSpec.from_dict(bundle.provenance["spec"])
    return predict(work_of(spec, len(bundle.names), bundle.width))


def _labels(cases: Sequence[_Case]) -> Iterator[str]:
    several = len({case.subject.threads for case in cases}) > 1
    for case in cases:
        yield f"{case.label}, {case.subject.threads} threads" if several else case.label


def _answer(
    cases: Sequence[_Case], samples: Sequence[LatencySamples], states: Sequence[Any], images: int
) -> dict[str, Any]:
    from edgeyolo.measure.environment import environment
    from edgeyolo.measure.latency import is_throttled, ratio

    throttled, first = is_throttled(states, samples), cases[0].bundle
    results = [
        {
            "bundle": str(case.bundle.root),
            "label": label,
            **_identity(case),
            "precision": case.bundle.precision,
            "spec": case.bundle.provenance.get("spec"),
            "classes": len(case.bundle.names),
            "imgsz": case.bundle.width,
            **sample.summary(throttled),
            "times_first": ratio(sample, samples[0]),
            **({"predicted": case.predicted.to_dict()} if case.predicted else {}),
            "layers": sample.layers,
            "samples": sample.to_dict(),
        }
        for case, label, sample in zip(cases, _labels(cases), samples, strict=True)
    ]
    alone = {key: value for key, value in results[0].items() if key != "samples"}
    return {
        **(alone if len(results) == 1 else {}),
        "bundle": first.name,
        "images": images,
        "environment": environment(),
        "states": [state.to_dict() for state in states],
        "results": results,
    }


def _identity(case: _Case) -> dict[str, str]:
    """By which the net is known again, whatever its folder is called."""
    from edgeyolo.flow.collect.nets import net_id

    engine = case.subject.engine
    digest = case.bundle.digest(engine)
    return {"id": net_id(digest, engine, case.bundle.width), "sha256": digest}


def _broken(limit: Limit, result: dict[str, Any]) -> str:
    found = limit.measured(result)
    if found < limit.milliseconds:
        return ""
    figure = f"{limit.scope} {limit.figure}"
    return f"{result['label']}: {figure} is {found:.1f} ms, not below {limit.milliseconds:g}."
