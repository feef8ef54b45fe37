"""edgeyolo fetch: an official checkpoint into the user's cache."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from edgeyolo.cli.narrator import Narrator
from edgeyolo.cli.options import json_flag

if TYPE_CHECKING:
    from edgeyolo.fetch import Fetched


@click.command(short_help="Get an official YOLOv8 checkpoint and check it.")
@click.argument("name")
@click.option("--force", is_flag=True, help="Get it again although it is there.")
@json_flag
def command(name: str, force: bool, as_json: bool) -> None:
    """Store NAME, one of yolov8n, yolov8s, yolov8m, yolov8l and yolov8x, in the user's cache.

    A transfer that broke off goes on where it stopped. EDGEYOLO_FETCH_URL names another source
    than the official release: the address of a folder that holds the files.
    """
    from edgeyolo import fetch

    file = fetch.file_name(name)
    found = fetch.stored(file)
    if found is None or found.damaged or force:
        if found and found.damaged:
            click.echo(f"The stored {file} is not the official one and is replaced.", err=True)
        found = _download(file)
    else:
        click.echo(f"{file} is there already; nothing is downloaded.", err=True)
    if not found.verified:
        text = (
            f"No checksum of {file} is known, so it is not verified; its sha256 is {found.sha256}."
        )
        click.echo(text, err=True)
    figures = {"sha256": found.sha256, "bytes": found.bytes, "verified": found.verified}
    click.echo(json.dumps({"path": str(found.path), **figures}) if as_json else str(found.path))


def _download(file: str) -> Fetched:
    from edgeyolo import fetch

    narrator = Narrator()

    def show(done: int, total: int) -> None:
        if total:
            narrator.step(done, total, f"{done / 1e6:.1f} of {total / 1e6:.1f} MB")

    narrator.stage(f"Get {file} from {fetch.base_url()}", 1, 1)
    try:
        return fetch.download(file, show)
    finally:
        narrator.close()
