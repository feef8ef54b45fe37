"""edgeyolo run: detect objects in images, a video or a camera."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeyolo.cli.options import engine_flag, engine_of, setting
from edgeyolo.cli.outputs import Outputs, outputs_flags
from edgeyolo.cli.service import Remembering, unit_flag, unit_text
from edgeyolo.config import lookup
from edgeyolo.errors import UsageError

if TYPE_CHECKING:
    from edgeyolo.device.detector import Detector, Roi
    from edgeyolo.device.tracking.tracker import Tracker


def _names(ctx: click.Context, param: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(name.strip() for name in text.split(","))


def _roi(ctx: click.Context, param: click.Parameter, text: str | None) -> Roi | None:
    try:
        x, y, width, height = map(int, text.split(",")) if text else (0, 0, 0, 0)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not x,y,width,height.") from error
    return (x, y, width, height) if text is not None else None


@click.command(cls=Remembering, short_help="Detect objects in images, a video or a camera.")
@click.argument("bundle", type=click.Path(path_type=Path), required=False)
@click.option("--source", help="Image, folder of images, video, or what --camera takes.")
@click.option("--camera", help="Number or address: 0, csi://0, rtsp://…, synthetic://640x480@30.")
@engine_flag("Engine to run; as configured or the bundle's default if left out.")
@setting("confidence", also="--conf")
@setting("iou")
@setting("threads")
@click.option("--classes", callback=_names, help="Report these only: person,dog.")
@click.option("--roi", callback=_roi, help="Look at this part only: x,y,width,height in pixels.")
@click.option("--track", is_flag=True, help="Follow each object: give it an id that it keeps.")
@click.option("--every", type=click.IntRange(1), default=1, help="Use every Nth frame only.")
@click.option("--max-fps", type=click.FloatRange(0, min_open=True), help="Of a camera, at most.")
@click.option("--frames", type=click.IntRange(1), help="End after so many frames.")
@outputs_flags
@unit_flag
def command(
    bundle: Path | None,
    source: str | None,
    camera: str | None,
    engine: str | None,
    track: bool,
    every: int,
    max_fps: float | None,
    frames: int | None,
    outputs: Outputs,
    print_unit: bool,
    **looking: Any,  # what Detector takes under the same names
) -> None:
    """Run BUNDLE over a source; needs no torch.

    Without BUNDLE it is the configured one, else ./bundle, else the newest under runs/.

    A file gives an annotated copy in this folder; with --json, one JSON object per frame on
    stdout instead. A camera shows a window if there is a screen, else a status line, and writes
    nothing unless --out or --json is given; when it goes away it is opened again. SIGTERM ends it
    in order, SIGHUP loads the bundle anew. As a service of systemd it says how it fares to
    `systemctl status`.

    With --track an object has an id from its second frame on, and a known one is reported also
    where it is half hidden and scores less than --confidence.
    """
    from edgeyolo.device.loop import run
    from edgeyolo.device.memory import give_back_pictures
    from edgeyolo.device.meter import Meter
    from edgeyolo.device.reload import Reloading
    from edgeyolo.device.signals import Terminated, ending_in_time, listening
    from edgeyolo.device.sinks.watchdog import Watchdog
    from edgeyolo.device.source import open_source, path_of, without_secrets
    from edgeyolo.device.sources.thinned import Thinned
    from edgeyolo.device.systemd import ServiceManager

    address = source if camera is None else camera
    if address is None or (source is not None and camera is not None):
        raise UsageError("Name one source.", "Use --source FILE or --camera 0.")
    path = path_of(address)
    outputs = outputs.for_source(path)
    tracker = _tracker(looking) if track else None
    manager = ServiceManager.of(os.environ)
    load = partial(_load, bundle, engine, looking)
    if print_unit:
        held = load()
        click.echo(unit_text(held.bundle, held.engine_name, address, outputs), nl=False)
        return
    try:
        with ending_in_time(), listening() as asked:
            detector = Reloading(manager.around(load), _say, asked)
            opened, meter = Thinned(open_source(address, _say), every, max_fps), Meter()
            sinks = outputs.open(
                *(opened, path, detector().bundle.names, meter, _say), without_secrets(address)
            )
            sinks += [Watchdog(manager, detector().bundle.names)] if manager.address else []
            if opened.is_live:
                give_back_pictures()
            manager.ready()
            count = run(
                *(opened, detector, sinks, frames, meter),
                say=_say,
                recover=detector.recover,
                asked=asked,
                tracker=tracker,
            )
    except Terminated:
        return
    if outputs.out is not None and not asked.to_stop:
        click.echo(f"{count} frames, annotated: {outputs.out}", err=outputs.as_json)


def _say(sentence: str) -> None:
    """In place of the status line, where one is."""
    with suppress(OSError):  # a terminal that has gone, a log whose disk is full, stop nothing
        click.echo(f"\r\x1b[K{sentence}" if sys.stderr.isatty() else sentence, err=True)


def _tracker(looking: dict[str, Any]) -> Tracker:
    """One that begins tracks at the confidence asked for; the detector is to look further down."""
    from edgeyolo.device.tracking.tracker import Tracker

    tracker = Tracker(confidence=looking["confidence"])
    looking["confidence"] = tracker.lowest
    return tracker


def _load(bundle: Path | None, engine: str | None, looking: dict[str, Any]) -> Detector:
    from edgeyolo.device.bundle import Bundle
    from edgeyolo.device.detector import Detector

    held = Bundle.open(_bundle(bundle))
    return Detector(held, engine_of(held, engine), **looking)


def _bundle(named: Path | None) -> Path:
    """The one that is named, by the argument or the configuration, else the newest."""
    from edgeyolo.device.newest import newest_bundle

    configured = lookup("bundle").value
    if named is not None or configured is not None:
        return named or Path(configured)
    found = newest_bundle()
    click.echo(f"Bundle: {found}", err=True)
    return found
