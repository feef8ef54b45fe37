"""edgeyolo export: checkpoint to bundles."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from edgeyolo.cli.options import json_flag, setting
from edgeyolo.errors import ExitCode

if TYPE_CHECKING:
    from edgeyolo.cli.layouts import Asked
    from edgeyolo.export.storage import Storage

    Precision = Storage | Literal["int8"]


@click.command(short_help="Write a checkpoint as bundles for the board.")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@setting("engine")
@click.option(
    "--precision",
    default="fp32",
    show_default=True,
    help="fp32, fp16 (half the file), int8-weights (a quarter, computes in float), "
    "int8 (needs --data); comma-separated.",
)
@click.option(
    "--format",
    "layout",
    type=click.Choice(["edgeyolo", "ultralytics"]),
    default="edgeyolo",
    show_default=True,
    help="ultralytics: what YOLO(path) opens, with decoded output0.",
)
@click.option(
    "--standalone",
    type=click.Choice(["image", "letterboxed"]),
    help="One ONNX file from uint8 pixels (any image, or one of the net's size) to boxes.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--data", help="data.yaml to calibrate int8 on, and to check on.")
@setting("imgsz", help="side of the square input in pixels [as trained]")
@click.option("--force", is_flag=True, help="Replace bundles that are there already.")
@json_flag
def command(
    checkpoint: Path,
    engine: str | None,
    precision: str,
    layout: str,
    standalone: str | None,
    out: Path,
    data: str | None,
    imgsz: int | None,
    force: bool,
    as_json: bool,
) -> int:
    """Export CHECKPOINT, a YOLOv8 .pt, and compare each file with it on photos.

    With --standalone it may be a bundle for ONNX Runtime too, in any precision; OUT is then a file.

    One engine and one precision go to OUT/bundle.json, several to OUT/ENGINE-PRECISION/bundle.json.
    """
    from edgeyolo.cli.layouts import Asked, standalone_file, stock_layout

    asked = Asked(checkpoint, engine, precision, out, data, imgsz, force, as_json)
    if standalone:
        standalone_file(asked, standalone, layout)
        return ExitCode.OK
    if layout == "ultralytics":
        stock_layout(asked)
        return ExitCode.OK
    return _bundles(asked)


def _bundles(asked: Asked) -> int:
    """Write a bundle for each engine and precision, and say what came of it."""
    from edgeyolo.cli.layouts import say_if_untested

    places = _places(asked)
    done: dict[Path, dict[str, Any]] = {}
    # int8 first: what is wrong with the data shows before anything is written.
    for (engine, kind), place in sorted(places.items(), key=lambda item: item[0][1] != "int8"):
        if kind == "int8":
            done[place] = _int8(asked, engine, place)
        else:
            done[place] = _float(asked, engine, kind, place)
    answers = [done[place] for place in places.values()]
    if asked.as_json:
        click.echo(json.dumps(answers[0] if len(answers) == 1 else {"bundles": answers}))
    else:
        for answer in answers:
            click.echo(_line(answer))
    say_if_untested([answer["check"] for answer in answers if "check" in answer])
    return _shortfalls([answer for answer in answers if "gate" in answer])


def _places(asked: Asked) -> dict[tuple[str, Precision], Path]:
    """Engine and precision → folder of the bundle, when all can be written."""
    from edgeyolo.device.engine import ENGINES
    from edgeyolo.export.bundle import check_request
    from edgeyolo.plan.plan import parse_engines

    chosen = [
        (engine, kind)
        for engine in parse_engines(asked.engine, ENGINES)
        for kind in _precisions(asked.precision, asked.data)
    ]
    single = len(chosen) == 1
    places = {pair: asked.out if single else asked.out / "-".join(pair) for pair in chosen}
    for (engine, kind), place in places.items():
        check_request((engine,), asked.side, place, precision=kind, force=asked.force)
    return places


def _float(asked: Asked, engine: str, kind: Storage, place: Path) -> dict[str, Any]:
    from edgeyolo.flow.export import export

    net, size = asked.net
    bundle, check = export(net, size, engine, kind, place, asked.photos, force=asked.force)
    facts = {"bundle": str(place), **bundle.to_manifest(), "check": check.to_dict()}
    return {**facts, "engine": engine, "size_bytes": bundle.size_bytes(engine)}


def _int8(asked: Asked, engine: str, place: Path) -> dict[str, Any]:
    """Quantize with what is best in general; ``edgeyolo quantize`` offers the choices."""
    from edgeyolo.cli.narrator import Narrator
    from edgeyolo.cli.options import data_choice
    from edgeyolo.flow.export import bundle_of
    from edgeyolo.flow.quantize import Request, quantize
    from edgeyolo.locations import cache_dir

    size = asked.net[1]
    with closing(Narrator()) as narrator, bundle_of(asked.model, engine, size) as bundle:
        return quantize(
            bundle,
            data_choice(asked.data).open(),
            Request(engine),
            place,
            cache_dir() / "calibration",
            narrator,
            force=asked.force,
        )


def _shortfalls(quantized: list[dict[str, Any]]) -> int:
    """Say on stderr what falls short, as ``edgeyolo quantize`` does."""
    from edgeyolo.report.quantization import shortfalls

    for answer in quantized:
        for sentence in shortfalls(answer):
            click.echo(sentence, err=True)
    met = all(answer["gate"]["met"] for answer in quantized)
    return ExitCode.OK if met else ExitCode.BUDGET_NOT_MET


def _precisions(text: str, data: str | None) -> tuple[Precision, ...]:
    from edgeyolo.errors import UsageError
    from edgeyolo.export.bundle import PRECISIONS

    known: tuple[Precision, ...] = (*PRECISIONS, "int8")
    words = dict.fromkeys(text.replace(",", " ").lower().split())
    for word in words or ("",):
        if word not in known:
            raise UsageError(f"There is no precision {word!r}.", f"Choose from {', '.join(known)}.")
    kinds = tuple(kind for word in words for kind in known if kind == word)
    if "int8" in kinds and data is None:
        raise UsageError("int8 needs images to calibrate on.", "Name your data set with --data.")
    return kinds


def _line(answer: dict[str, Any]) -> str:
    size = f"{answer['bundle']}: {answer['engine']} {answer['precision']}, "
    size += f"{answer['size_bytes'] / 1e6:.2f} MB"
    if "check" in answer:
        check = answer["check"]
        return (
            f"{size}; {check['matched']} of {check['detections']} detections as the checkpoint "
            f"gives them, outputs within {check['largest_difference']:.2g}"
        )
    val = answer["val"]
    return f"{size}; mAP50-95 {100 * val['difference']:+.1f} points on val"
