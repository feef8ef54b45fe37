"""edgeyolo data: look at a data set, mend it, make one of other formats, split it."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeyolo.cli import data_convert, data_split, data_stats
from edgeyolo.cli.narrator import Narrator
from edgeyolo.cli.options import data_choice, json_flag, setting
from edgeyolo.dataset.silence import silent_decoders
from edgeyolo.errors import ExitCode

if TYPE_CHECKING:
    from edgeyolo.dataset.examine import Examination
    from edgeyolo.dataset.find import DataChoice

_IMGSZ = 640


@click.group(short_help="Check, mend, convert, split and measure data sets.")
def command() -> None:
    """Work on data sets in YOLO format; none of these commands ever writes to one that is there.

    DATA is a data.yaml or a folder with one; check, fix and stats take the one configured, of this
    folder, or the demo data where none is named.
    """


for module in (data_convert, data_split, data_stats):
    command.add_command(module.command)


@command.command(short_help="Name everything that is wrong with a data set.")
@click.argument("data", required=False)
@setting("imgsz")
@json_flag
def check(data: str | None, imgsz: int | None, as_json: bool) -> ExitCode:
    """Read every image and label of DATA once, and print what is wrong, each with a remedy.

    Images that two splits share are found also where they were mirrored, turned by quarters, scaled
    or saved anew, but mostly not where more than 1 % was cut off at each side.

    Ends with 1 if something is damaged: what training would refuse, or learn wrongly from. Notices
    alone end with 0. Boxes are called small by the stride of 8 pixels at --imgsz.
    """
    from edgeyolo.report.data import check_dict, check_table

    with closing(Narrator()) as narrator, silent_decoders():
        found = _examined(data_choice(data), imgsz, narrator, stages=1)
    _print(json.dumps(check_dict(found), indent=2) if as_json else check_table(found))
    return ExitCode.FAILED if found.is_damaged else ExitCode.OK


@command.command(short_help="Write a cleaned copy of a data set.")
@click.argument("data", required=False)
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="New folder for the copy."
)
@click.option("--dry-run", is_flag=True, help="Print the changes and write nothing.")
@json_flag
def fix(data: str | None, out: Path, dry_run: bool, as_json: bool) -> None:
    """Copy DATA to a new folder, mended where that is possible, and print every change.

    No label that can be read is lost. What cannot be mended, such as a truncated image, goes to
    the folder left-out of the copy, and every change to its changes.txt. What only you can decide,
    such as which of two similar classes is meant, stays as it is and is printed at the end.
    """
    from edgeyolo.dataset.clean_copy import write_copy
    from edgeyolo.dataset.fix import plan_cleaning
    from edgeyolo.report.data import fix_dict, fix_table

    choice = data_choice(data)
    with closing(Narrator()) as narrator, silent_decoders():
        found = _examined(choice, None, narrator, stages=1 if dry_run else 2, out=out)
        cleaning = plan_cleaning(found)
        if not dry_run:
            narrator.stage(f"writing {out}", 2, 2)
            write_copy(found.dataset, cleaning, out, narrator.step)
    _print(json.dumps(fix_dict(cleaning), indent=2) if as_json else fix_table(cleaning))


def _examined(
    choice: DataChoice, imgsz: int | None, narrator: Narrator, stages: int, out: Path | None = None
) -> Examination:
    from edgeyolo.dataset.clean_copy import check_out
    from edgeyolo.dataset.demo import DEMO_IMGSZ
    from edgeyolo.dataset.examine import examine
    from edgeyolo.dataset.formats.jpeg_pixels import can_tell_damage
    from edgeyolo.slim.spec import check_imgsz

    side = (DEMO_IMGSZ if choice.is_demo else _IMGSZ) if imgsz is None else imgsz
    check_imgsz(side)
    dataset = choice.open(lenient=True)
    if out is not None:
        check_out(dataset, out)  # before minutes of work
    narrator.stage(f"reading {choice.value} ({choice.origin})", 1, stages)
    if not can_tell_damage():
        narrator.line("A JPEG that was overwritten goes unseen: python3 -m pip install simplejpeg")
    return examine(dataset, side, narrator.step)


def _print(text: str) -> None:
    """On stdout, which may not be able to show every name of a file."""
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding))
