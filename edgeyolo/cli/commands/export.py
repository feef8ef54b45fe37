"""edgeyolo export: checkpoint to bundles."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from edgeyolo.errors import ExitCode

if TYPE_CHECKING:
    from edgeyolo.export.storage import Storage

    Precision = Storage | Literal["int8"]

from edgeyolo.cli.options import json_flag, setting, size_for


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
    if standalone:
        _check_standalone(precision, layout)
        size = size_for(checkpoint, imgsz)
        _standalone(checkpoint, standalone, out, data, size, force, as_json)
        return ExitCode.OK
    if layout == "ultralytics":
        _stock(checkpoint, engine, precision, out, data, imgsz, force, as_json)
        return ExitCode.OK
    from edgeyolo.device.engine import ENGINES
    from edgeyolo.export.bundle import check_request
    from edgeyolo.flow.export import export
    from edgeyolo.plan.plan import parse_engines
    from edgeyolo.slim.checkpoint import imgsz_of, open_checkpoint
    from edgeyolo.slim.spec import GRID

    chosen = [
        (name, kind)
        for name in parse_engines(engine, ENGINES)
        for kind in _precisions(precision, data)
    ]
    single = len(chosen) == 1
    places = {pair: out if single else out / "-".join(pair) for pair in chosen}
    for (name, kind), place in places.items():
        size = GRID if imgsz is None else imgsz
        check_request((name,), size, place, precision=kind, force=force)
    photos = _photos(data)
    net = open_checkpoint(checkpoint)
    size = imgsz_of(net) if imgsz is None else imgsz
    done: dict[Path, dict[str, Any]] = {}
    # int8 first: what is wrong with the data shows before anything is written.
    for (name, kind), place in sorted(places.items(), key=lambda item: item[0][1] != "int8"):
        if kind == "int8":
            done[place] = _int8(checkpoint, name, data, place, size, force)
        else:
            bundle, check = export(net, size, name, kind, place, photos, force=force)
            facts = {"bundle": str(place), **bundle.to_manifest(), "check": check.to_dict()}
            done[place] = {**facts, "engine": name, "size_bytes": bundle.size_bytes(name)}
    answers = [done[place] for place in places.values()]
    if as_json:
        click.echo(json.dumps(answers[0] if single else {"bundles": answers}))
    else:
        for answer in answers:
            click.echo(_line(answer))
    _say_if_untested([answer["check"] for answer in answers if "check" in answer])
    return _shortfalls([answer for answer in answers if "gate" in answer])


def _shortfalls(quantized: list[dict[str, Any]]) -> int:
    """Say on stderr what falls short, as ``edgeyolo quantize`` does."""
    from edgeyolo.report.quantization import shortfalls

    for answer in quantized:
        for sentence in shortfalls(answer):
            click.echo(sentence, err=True)
    met = all(answer["gate"]["met"] for answer in quantized)
    return ExitCode.OK if met else ExitCode.BUDGET_NOT_MET


def _check_standalone(precision: str, layout: str) -> None:
    from edgeyolo.errors import UsageError

    if precision != "fp32" or layout != "edgeyolo":
        raise UsageError(
            "--standalone writes the precision that CHECKPOINT has, and goes with no --precision "
            "or --format.",
            "For int8, give it a bundle that edgeyolo quantize --engine onnxruntime wrote.",
        )


def _standalone(
    model: Path,
    source: str,
    out: Path,
    data: str | None,
    imgsz: int | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write one file; the bundle it is made of may be int8."""
    from edgeyolo.errors import UsageError
    from edgeyolo.export.standalone import INPUTS
    from edgeyolo.flow.standalone import export_standalone

    if out.suffix != ".onnx":
        raise UsageError(f"{out} is not an ONNX file.", "Name it, as --out net.onnx.")
    if out.exists() and not force:
        raise UsageError(f"{out} exists already.", "Choose another --out, or add --force.")
    kind = next(i for i in INPUTS if i == source)
    written, check = export_standalone(model, kind, out, imgsz, _photos(data))
    facts = {entry.key: entry.value for entry in written.metadata_props}
    answer = {"model": str(out), "size_bytes": out.stat().st_size, **facts, "check": check}
    text = (
        f"{out}: {answer['precision']}, {answer['size_bytes'] / 1e6:.2f} MB; {answer['input']} -> "
        f"boxes, scores, classes; {check['matched']} of {check['detections']} detections as our "
        "runtime gives them"
    )
    click.echo(json.dumps(answer) if as_json else text)
    _say_if_untested([check])


def _say_if_untested(checks: list[dict[str, Any]]) -> None:
    if not all(check["detections"] for check in checks):
        click.echo(
            "The photos show nothing that this net detects, so the file was not put to the test; "
            "name your own with --data.",
            err=True,
        )


def _stock(
    checkpoint: Path,
    engine: str | None,
    precision: str,
    out: Path,
    data: str | None,
    imgsz: int | None,
    force: bool,
    as_json: bool,
) -> None:
    """Hand over to ultralytics' own exporters."""
    from edgeyolo.device.engine import ENGINES
    from edgeyolo.errors import UsageError
    from edgeyolo.export.stock import PRECISIONS, check_free
    from edgeyolo.flow.stock import export_stock
    from edgeyolo.plan.plan import parse_engines
    from edgeyolo.slim.checkpoint import imgsz_of, open_checkpoint
    from edgeyolo.slim.spec import GRID, check_imgsz

    engines = parse_engines(engine, ENGINES)
    if precision not in PRECISIONS:
        raise UsageError(
            f"The layout of ultralytics is not written in {precision!r}.",
            f"Choose one of {', '.join(PRECISIONS)}.",
        )
    check_imgsz(GRID if imgsz is None else imgsz)
    net = open_checkpoint(checkpoint)
    size = imgsz_of(net) if imgsz is None else imgsz
    check_free(net, engines, out, force=force)
    photos, half = _photos(data), precision == "fp16"
    written = {name: export_stock(net, size, name, out, photos, half=half) for name in engines}
    if as_json:
        click.echo(json.dumps({name: str(place) for name, (place, _) in written.items()}))
    else:
        for place, check in written.values():
            click.echo(
                f"{place}; {check['matched']} of {check['detections']} detections as the "
                "checkpoint gives them"
            )
    _say_if_untested([check for _, check in written.values()])


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


def _photos(data: str | None) -> tuple[Path, ...]:
    """Photos to check on: some of the user's, or those that every workshop has."""
    from edgeyolo.cli.options import data_choice
    from edgeyolo.export.photos import sample_photos

    return data_choice(data).open().images("val")[:4] if data else sample_photos()


def _int8(
    checkpoint: Path, engine: str, data: str | None, place: Path, imgsz: int, force: bool
) -> dict[str, Any]:
    """Quantize with what is best in general; ``edgeyolo quantize`` offers the choices."""
    from edgeyolo.cli.narrator import Narrator
    from edgeyolo.cli.options import data_choice
    from edgeyolo.flow.export import bundle_of
    from edgeyolo.flow.quantize import Request, quantize
    from edgeyolo.locations import cache_dir

    with closing(Narrator()) as narrator, bundle_of(checkpoint, engine, imgsz) as bundle:
        return quantize(
            bundle,
            data_choice(data).open(),
            Request(engine),
            place,
            cache_dir() / "calibration",
            narrator,
            force=force,
        )


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
