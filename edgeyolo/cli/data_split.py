"""edgeyolo data split: train, val and test of one heap of images."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeyolo.cli.narrator import Narrator
from edgeyolo.cli.options import json_flag
from edgeyolo.dataset.silence import silent_decoders
from edgeyolo.errors import UsageError

if TYPE_CHECKING:
    from edgeyolo.dataset.new_dataset import Entry
    from edgeyolo.dataset.read import Dataset
    from edgeyolo.dataset.split import Item


@click.command("split", short_help="Split a data set anew, near-duplicates on one side.")
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Folder to make, a new one."
)
@click.option(
    "--val",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.2,
    show_default=True,
    help="Part of the images.",
)
@click.option(
    "--test",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.0,
    show_default=True,
    help="Part of the images.",
)
@click.option("--seed", default=0, show_default=True, help="Another number, another split.")
@click.option("--names", help="Classes of a folder without data.yaml: cat,dog.")
@click.option("--link", is_flag=True, help="Link to the images, do not copy them.")
@json_flag
def command(
    data: Path,
    out: Path,
    val: float,
    test: float,
    seed: int,
    names: str | None,
    link: bool,
    as_json: bool,
) -> None:
    """Write the images of DATA to a new folder, split into train, val and test.

    DATA is a data.yaml, whose splits are thrown together, or a folder with images/ and labels/.
    Images that are nearly the same, or augmented copies of one by their names, stay in one split;
    each class is spread over the splits like all images. The same seed gives the same split.
    """
    from edgeyolo.dataset.new_dataset import check_out, write_dataset
    from edgeyolo.dataset.split import load_items, open_pool, split_items

    shares = _shares(val, test)
    dataset = open_pool(data, names.split(",") if names else ())
    check_out(out, _folders(dataset))
    with closing(Narrator()) as narrator, silent_decoders():
        narrator.stage("Compare the images", 1, 2)
        items = load_items(dataset, narrator.step)
        entries = split_items(items, shares, seed)
        narrator.stage(f"Write {out}", 2, 2)
        write_dataset(out, dataset.names, entries, link=link, progress=narrator.step)
    answer = _answer(out, dataset.names, items, entries, list(shares))
    _say(answer)
    click.echo(json.dumps(answer, indent=2) if as_json else _table(answer))


def _shares(val: float, test: float) -> dict[str, float]:
    if not val + test < 1:  # nor NaN, which click lets through
        raise UsageError(
            f"--val {val:g} and --test {test:g} leave nothing to train on.",
            "Together they must be less than 1.",
        )
    shares = {"train": 1 - val - test, "val": val, "test": test}
    return {split: share for split, share in shares.items() if share}


def _folders(dataset: Dataset) -> set[Path]:
    """Those of the images, and that of the data set where it holds some, or links to them."""
    folders = {image.parent for images in dataset.splits.values() for image in images}
    root = dataset.path if dataset.path.is_dir() else dataset.path.parent
    above = {each for folder in folders for each in (*folder.parents, *folder.resolve().parents)}
    return folders | ({root} & above)


def _answer(
    out: Path,
    names: Sequence[str],
    items: Sequence[Item],
    entries: Sequence[Entry],
    splits: Sequence[str],
) -> dict[str, Any]:
    held = {
        split: [item for item, entry in zip(items, entries, strict=True) if entry.split == split]
        for split in splits
    }
    return {
        "data": str(out / "data.yaml"),
        "splits": {
            split: {
                "images": len(mine),
                "backgrounds": sum(not len(item.classes) for item in mine),
                "classes": {
                    name: {
                        "boxes": int(sum((item.classes == index).sum() for item in mine)),
                        "images": int(sum((item.classes == index).any() for item in mine)),
                    }
                    for index, name in enumerate(names)
                },
            }
            for split, mine in held.items()
        },
    }


def _table(answer: dict[str, Any]) -> str:
    """Images of each split, and boxes of each class with the images that show it."""
    splits = answer["splits"]
    total = sum(each["images"] for each in splits.values())
    rows = {
        "images": [f"{each['images']} ({each['images'] / total:.1%})" for each in splits.values()],
        "without objects": [f"{each['backgrounds']}" for each in splits.values()],
    }
    for name in next(iter(splits.values()))["classes"]:
        mine = [each["classes"][name] for each in splits.values()]
        if any(each["boxes"] for each in mine):
            rows[name] = [f"{each['boxes']} in {each['images']}" for each in mine]
    lines = [answer["data"], "", f"{'':<24}" + "".join(f"{split:>18}" for split in splits)]
    lines += [
        f"{label:<24}" + "".join(f"{cell:>18}" for cell in row) for label, row in rows.items()
    ]
    return "\n".join([*lines, "", "Boxes of each class, and the images that they are in."])


def _say(answer: dict[str, Any]) -> None:
    """Classes that a split lacks, on stderr."""
    splits = answer["splits"]
    for split, each in splits.items():
        lacking = [
            name
            for name, found in each["classes"].items()
            if not found["boxes"]
            and any(other["classes"][name]["boxes"] for other in splits.values())
        ]
        if lacking:
            click.echo(
                f"{split} shows nothing of {len(lacking)} classes, whose images are too few or too "
                f"alike: {', '.join(lacking)}",
                err=True,
            )
