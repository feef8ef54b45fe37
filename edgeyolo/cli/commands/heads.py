"""edgeyolo heads: which detection levels a data set needs."""

from __future__ import annotations

import json

import click

from edgeyolo.cli.options import data_choice, data_flag, json_flag, setting

_IMGSZ = 640


@click.command(short_help="Say which detection levels serve the boxes of a data set.")
@data_flag
@setting("from")
@setting("imgsz")
@setting("seed")
@click.option("--profile", default="raspberry-pi-4", show_default=True, help="Board to save on.")
@click.option("--engine", default="ncnn", show_default=True, help="Its engine.")
@json_flag
def command(
    data: str | None,
    from_: str | None,
    imgsz: int | None,
    seed: int,
    profile: str,
    engine: str,
    as_json: bool,
) -> None:
    """Ask a trained net which of P3, P4 and P5 the boxes of the training images are assigned to.

    The net may have been trained on other classes (yolov8n.pt), but one that was trained on these
    data, such as runs/NAME/wide.pt, knows better.
    """
    from edgeyolo.dataset.demo import DEMO_IMGSZ
    from edgeyolo.errors import UsageError
    from edgeyolo.flow.advice import ask
    from edgeyolo.flow.weights import find_weights
    from edgeyolo.measure.host import profile_of
    from edgeyolo.measure.predict import Predictor
    from edgeyolo.report.heads import heads_table
    from edgeyolo.slim.checkpoint import open_checkpoint, spec_of
    from edgeyolo.slim.spec import check_imgsz

    predict = Predictor(profile_of(profile), engine)
    choice = data_choice(data)
    size = (DEMO_IMGSZ if choice.is_demo else _IMGSZ) if imgsz is None else imgsz
    source = find_weights(from_, is_demo=choice.is_demo)
    if source is None:
        raise UsageError(
            "Which levels the boxes need can only be seen with a trained net.",
            "Name one with --from, such as --from yolov8n.pt.",
        )
    check_imgsz(size, spec_of(open_checkpoint(source)))
    click.echo(f"Data set: {choice.value} ({choice.origin}).", err=True)
    answer = ask(choice.open(), source, size, seed, predict)
    if as_json:
        click.echo(json.dumps(answer))
        return
    click.echo(
        f"{answer['images']} training images, {answer['boxes']} boxes, {size} px, "
        f"seen by {source.name}.\n"
    )
    click.echo(heads_table(answer))
