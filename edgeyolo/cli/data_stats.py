"""edgeyolo data stats: what the boxes and images of each split are like."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeyolo.cli.narrator import Narrator
from edgeyolo.cli.options import data_choice, json_flag
from edgeyolo.dataset.silence import silent_decoders
from edgeyolo.errors import UsageError

if TYPE_CHECKING:
    from edgeyolo.dataset.read import Dataset


@click.command("stats", short_help="Show what a data set is like, split against split.")
@click.argument("data", required=False)
@click.option("--svg", type=click.Path(path_type=Path), help="File for a figure of all of it.")
@click.option(
    "--imgsz",
    type=click.IntRange(32, 8192),
    default=640,
    show_default=True,
    help="Side of the net's input in pixels, in which boxes are measured.",
)
@json_flag
def command(data: str | None, svg: Path | None, imgsz: int, as_json: bool) -> None:
    """Count classes, positions, sizes and shapes of the boxes of DATA, and image sizes.

    DATA is a data.yaml, else the one configured, of this folder, or the demo data. Sizes are
    grouped by the level of the net (stride 8, 16 or 32) that such boxes are mostly assigned to.
    """
    from edgeyolo.dataset.check import load_images
    from edgeyolo.dataset.statistics import SplitFigures
    from edgeyolo.files import write_text
    from edgeyolo.report.statistics import statistics, statistics_text
    from edgeyolo.report.statistics_figure import statistics_svg

    with closing(Narrator()) as narrator, silent_decoders():
        dataset = _open(data, narrator)
        _check_svg(svg, dataset)
        figures = {}
        for number, (split, images) in enumerate(dataset.splits.items(), start=1):
            narrator.stage(f"Read {split}", number, len(dataset.splits))
            figures[split] = SplitFigures.of(load_images(dataset, images, narrator.step))
    found = statistics(str(dataset.path), dataset.names, figures, imgsz)
    if svg is not None:
        write_text(svg, statistics_svg(found))
        click.echo(f"Wrote {svg}.", err=True)
    click.echo(json.dumps(found) if as_json else statistics_text(found))


def _open(data: str | None, narrator: Narrator) -> Dataset:
    from edgeyolo.dataset.read import read_dataset

    choice = data_choice(data)
    return choice.open(narrator.step) if choice.is_demo else read_dataset(Path(choice.value), ())


def _check_svg(svg: Path | None, dataset: Dataset) -> None:
    """Refuse to write among the data."""
    if svg is None:
        return
    folders = {image.parent.resolve() for images in dataset.splits.values() for image in images}
    if svg.is_dir() or svg.suffix.lower() != ".svg":
        raise UsageError(f"--svg {svg} is no name of a figure.", "Name a file, as stats.svg.")
    if svg.resolve().parent in folders:
        raise UsageError(f"--svg {svg} lies among the images.", "Name a file elsewhere.")
