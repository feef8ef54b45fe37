"""edgeyolo quantize: fp32 to partial int8."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import click

from edgeyolo.cli.budget import bytes_of
from edgeyolo.cli.narrator import Narrator
from edgeyolo.cli.options import data_choice, data_flag, json_flag, setting, size_for
from edgeyolo.errors import ExitCode

_DEFAULT = "ncnn"  # for a checkpoint


@click.command(short_help="Write a bundle in partial int8 that still detects.")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--engine", help="Engine to quantize for [the bundle's default, or ncnn].")
@data_flag
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option(
    "--max-drop",
    type=click.FloatRange(0),
    default=0.3,
    show_default=True,
    help="Points of mAP50-95 that may be lost.",
)
@click.option("--keep-float", multiple=True, help="Convolutions to keep in float, as 'model.22.*'.")
@click.option(
    "--prefer",
    type=click.Choice(["accuracy", "speed"]),
    default="accuracy",
    show_default=True,
    help="Most accurate, or fewest convolutions in float, within --max-drop.",
)
@click.option("--target-size", callback=bytes_of, help="Largest size of the files, as 2MB.")
@click.option(
    "--images",
    type=click.IntRange(1),
    default=64,
    show_default=True,
    help="Training images to calibrate on.",
)
@click.option(
    "--method",
    type=click.Choice(["mse", "minmax", "percentile"]),
    default="mse",
    show_default=True,
    help="How the range of a tensor is chosen.",
)
@setting("imgsz", help="side of the input in pixels, for a checkpoint [as trained]")
@setting("seed")
@click.option("--force", is_flag=True, help="Replace a bundle that is there already.")
@json_flag
def command(
    model: Path,
    engine: str | None,
    data: str | None,
    out: Path,
    max_drop: float,
    keep_float: tuple[str, ...],
    target_size: int | None,
    prefer: str,
    images: int,
    method: str,
    imgsz: int | None,
    seed: int,
    force: bool,
    as_json: bool,
) -> int:
    """Quantize MODEL, an fp32 bundle or a YOLOv8 .pt, to OUT/bundle.json in int8.

    Calibrates on training images, keeps in float what int8 would spoil, and measures what it cost.
    Ends with 5 when more than --max-drop is lost on training images kept apart.

    OUT/quantization.json is for 'edgeyolo report OUT', and nothing that a board needs.
    """
    from edgeyolo.export.bundle import check_request
    from edgeyolo.flow.export import bundle_of
    from edgeyolo.flow.gate import Limits
    from edgeyolo.flow.quantize import Request, quantize
    from edgeyolo.locations import cache_dir
    from edgeyolo.quantize.quantizer import check_engine
    from edgeyolo.report.quantization import quantization_table, shortfalls
    from edgeyolo.slim.spec import GRID

    if engine is not None:
        check_engine(engine)
    check_request((), GRID if imgsz is None else imgsz, out, force=force)
    choice = data_choice(data)
    click.echo(f"Data set: {choice.value} ({choice.origin}).", err=True)
    dataset = choice.open()
    size = size_for(model, imgsz)
    with closing(Narrator()) as narrator, bundle_of(model, engine or _DEFAULT, size) as bundle:
        request = Request(
            engine=engine or bundle.default_engine,
            limits=Limits(max_drop, target_size, "speed" if prefer == "speed" else "accuracy"),
            keep_float=keep_float,
            method=method,
            images=images,
            seed=seed,
        )
        cache = cache_dir() / "calibration"
        found = quantize(bundle, dataset, request, out, cache, narrator, force=force)
    click.echo(json.dumps(found) if as_json else quantization_table(found))
    if not as_json:
        click.echo(f"Bundle: {out}")
    for sentence in shortfalls(found):
        click.echo(sentence, err=True)
    return ExitCode.OK if found["gate"]["met"] else ExitCode.BUDGET_NOT_MET
