"""edgeyolo export: checkpoint to bundle."""

from __future__ import annotations

import json
from pathlib import Path

import click

from edgeyolo.cli.options import json_flag, setting


@click.command(short_help="Write a checkpoint as a bundle for the board.")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@setting("engine")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@setting("imgsz", help="side of the square input in pixels [as trained]")
@click.option("--force", is_flag=True, help="Replace a bundle that is there already.")
@json_flag
def command(
    checkpoint: Path, engine: str | None, out: Path, imgsz: int | None, force: bool, as_json: bool
) -> None:
    """Export CHECKPOINT, a YOLOv8 .pt, to OUT/bundle.json and the engines' files."""
    from edgeyolo.export.bundle import ENGINES, check_request, write_bundle
    from edgeyolo.plan.plan import parse_engines
    from edgeyolo.slim.checkpoint import imgsz_of, open_checkpoint
    from edgeyolo.slim.spec import GRID

    engines = parse_engines(engine, ENGINES)
    check_request(engines, GRID if imgsz is None else imgsz, out, force=force)
    net = open_checkpoint(checkpoint)
    size = imgsz_of(net) if imgsz is None else imgsz
    bundle = write_bundle(net, size, engines, out, force=force)
    if as_json:
        click.echo(json.dumps({"bundle": str(bundle.root), **bundle.to_manifest()}))
    else:
        for name in bundle.engines:
            click.echo(f"{name}: {bundle.size_bytes(name) / 1e6:.2f} MB")
        click.echo(f"Bundle: {bundle.root}")
