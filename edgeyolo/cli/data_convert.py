"""edgeyolo data convert: annotations of other tools as a new data set."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeyolo.cli.narrator import Narrator
from edgeyolo.cli.options import json_flag
from edgeyolo.dataset.silence import silent_decoders

if TYPE_CHECKING:
    from edgeyolo.dataset.annotations import Remark
    from edgeyolo.dataset.new_dataset import Entry


@click.command("convert", short_help="Make a data set of COCO, Pascal VOC or CSV annotations.")
@click.argument("source", nargs=-1, required=True)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Folder to make, a new one."
)
@click.option(
    "--images",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder that names of images are relative to [looked for near SOURCE].",
)
@click.option(
    "--format",
    type=click.Choice(("coco", "voc", "csv")),
    help="What SOURCE is [found out].",
)
@click.option("--skip-difficult", is_flag=True, help="Leave out VOC objects marked as difficult.")
@click.option("--link", is_flag=True, help="Link to the images, do not copy them.")
@json_flag
def command(
    source: tuple[str, ...],
    out: Path,
    images: Path | None,
    format: str | None,
    skip_difficult: bool,
    link: bool,
    as_json: bool,
) -> None:
    """Write the boxes and images of SOURCE to a new folder, with a data.yaml.

    SOURCE is a COCO file (.json), a table (.csv: filename,width,height,class,xmin,ymin,xmax,ymax),
    train=FILE val=FILE for several of them, or a folder: with annotations/instances_*.json, with
    Annotations/*.xml (Pascal VOC) or with *.csv.

    What cannot be carried over is listed with its place, in left-out.txt, too. SOURCE is left as
    it is.
    """
    from edgeyolo.dataset.convert import carry_over, find_source, read_source
    from edgeyolo.dataset.new_dataset import check_out, write_dataset

    kind, places = find_source(source, format)
    folders = [place for place in (Path(source[0]), images, *places.values()) if place]
    check_out(out, (folder for folder in folders if folder.is_dir()))
    with closing(Narrator()) as narrator, silent_decoders():
        narrator.stage(f"Read {kind} annotations and their images", 1, 2)
        found = read_source(kind, places, images)
        check_out(out, {picture.image.parent for picture in found.pictures})
        entries, remarks = carry_over(found, skip_difficult=skip_difficult, progress=narrator.step)
        narrator.stage(f"Write {out}", 2, 2)
        write_dataset(out, found.names, entries, remarks, link=link, progress=narrator.step)
    _say(remarks, entries, out)
    answer = _answer(out, kind, found.names, entries, remarks)
    click.echo(json.dumps(answer, indent=2) if as_json else _table(answer))


def _answer(
    out: Path,
    kind: str,
    names: Sequence[str],
    entries: Sequence[Entry],
    remarks: Sequence[Remark],
) -> dict[str, Any]:
    images = Counter(entry.split for entry in entries)
    return {
        "data": str(out / "data.yaml"),
        "format": kind,
        "names": list(names),
        "splits": {
            split: {
                "images": images[split],
                "backgrounds": sum(not entry.labels for entry in entries if entry.split == split),
                "boxes": sum(
                    entry.labels.count(b"\n") for entry in entries if entry.split == split
                ),
            }
            for split in ("train", "val", "test")
            if images[split]
        },
        "remarks": [{"place": each.place, "problem": each.problem} for each in remarks],
    }


def _table(answer: dict[str, Any]) -> str:
    lines = [f"{answer['data']}: {len(answer['names'])} classes", ""]
    lines.append(f"{'':<8}{'images':>9}{'of these without objects':>27}{'boxes':>9}")
    for split, each in answer["splits"].items():
        figures = f"{each['images']:>9}{each['backgrounds']:>27}{each['boxes']:>9}"
        lines.append(f"{split:<8}{figures}")
    return "\n".join(lines)


def _say(remarks: Sequence[Remark], entries: Sequence[Entry], out: Path) -> None:
    """What was left out or clipped, and what the data set lacks, on stderr."""
    from edgeyolo.dataset.new_dataset import LIST

    if remarks:
        click.echo(f"{len(remarks)} were left out or changed, as {out / LIST} says, too:", err=True)
    for remark in remarks:
        click.echo(f"  {remark}", err=True)
    lacking = [name for name in ("train", "val") if name not in {each.split for each in entries}]
    if lacking:
        click.echo(
            f"There is no {' and no '.join(lacking)} split, which other commands need: "
            f"edgeyolo data split {out / 'data.yaml'} --out NEW",
            err=True,
        )
