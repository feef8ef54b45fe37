"""edgeyolo val: accuracy of an exported file."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import click

from edgeyolo.cli.narrator import Narrator
from edgeyolo.cli.options import data_choice, data_flag, engine_flag, engine_of, json_flag, setting


@click.command(short_help="Measure the mAP of a bundle.")
@click.argument("bundle", type=click.Path(path_type=Path))
@data_flag
@click.option("--split", type=click.Choice(["train", "val", "test"]), default="val")
@engine_flag("Engine to run; as configured or the bundle's default if left out.")
@setting("threads")
@json_flag
def command(
    bundle: Path,
    data: str | None,
    split: str,
    engine: str | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Run BUNDLE over labeled images with the detector of the board and compare (COCO protocol)."""
    from edgeyolo.dataset.check import load_split
    from edgeyolo.device.bundle import Bundle
    from edgeyolo.measure.accuracy import check_names, evaluate_bundle

    opened = Bundle.open(bundle)
    chosen = engine_of(opened, engine)
    choice = data_choice(data)
    click.echo(f"Data set: {choice.value} ({choice.origin}).", err=True)
    dataset = choice.open()
    check_names(opened, dataset)
    samples = load_split(dataset, split)
    with closing(Narrator()) as narrator:
        narrator.stage(f"{chosen} on {len(samples)} images of {split}", 1, 1)
        accuracy = evaluate_bundle(opened, samples, chosen, threads=threads, progress=narrator.step)
    values = accuracy.to_dict()
    per_class = values.pop("per_class")
    del values["draws"]  # a thousand numbers, for comparisons in a report
    answer = {**values, "engine": chosen, "precision": opened.precision, "split": split}
    if as_json:
        click.echo(json.dumps({**answer, "per_class": per_class}))
        return
    low, high = accuracy.map50_95_ci
    click.echo(f"mAP50-95 {accuracy.map50_95:.4f} [{low:.4f}, {high:.4f}] (95 % over images)")
    click.echo(f"mAP50    {accuracy.map50:.4f}")
    click.echo(f"{accuracy.images} images, {accuracy.boxes} boxes of {split}, {chosen}")
    for entry in per_class:
        if entry["ap50_95"] is not None:
            few = "  (fewer than 30 boxes)" if entry["boxes"] < 30 else ""
            figures = f"{entry['ap50_95']:.4f}  {entry['ap50']:.4f}"
            click.echo(f"  {entry['name']:<20} {figures}  {entry['boxes']:>5} boxes{few}")
