"""Where the results of ``edgeyolo run`` go: the flags, and the sinks that they ask for."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edgeyolo.cli.notices import NOTICE_FLAGS, check_notices, notices
from edgeyolo.cli.options import json_flag
from edgeyolo.config import lookup
from edgeyolo.device.server.address import DEFAULT, Address
from edgeyolo.errors import CameraError, UsageError

if TYPE_CHECKING:
    from edgeyolo.device.broker import Broker
    from edgeyolo.device.endpoint import Endpoint
    from edgeyolo.device.frame import Sink, Source
    from edgeyolo.device.meter import Meter
    from edgeyolo.device.wish import Wish

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Outputs:
    """What was asked for on the command line."""

    out: Path | None
    csv: Path | None
    show: bool
    as_json: bool
    serve: str | None
    mqtt: Broker | None
    webhook: Endpoint | None
    webhook_all: bool
    save_when: tuple[Wish, ...]
    save_dir: Path | None
    save_every: float | None

    def for_source(self, path: Path | None) -> Outputs:
        """The same for a file, which gets an annotated copy where nothing else is asked for.

        Raises:
            CameraError: when a window is asked for and there is no screen.
            UsageError: when flags do not go together, or the source would be overwritten.
        """
        check_notices(self)
        out = self.out
        if out is None and not self.as_json and path is not None:
            out = _default_out(path)
        save_dir = self.save_dir or (Path("snapshots") if self.save_when else None)
        whole = replace(self, out=out, save_dir=save_dir)
        whole._check_streams()
        whole._check_files(path)
        return whole

    def _check_streams(self) -> None:
        from edgeyolo.device.sinks.window import has_display

        if self.show and not has_display():  # Qt would abort the process, past every handler
            raise CameraError(
                "There is no display for --show, or this OpenCV opens no windows.",
                "Leave out --show and use --out or --json, or install opencv-python on a desktop.",
            )
        if self.as_json and sys.stdout is None:
            raise UsageError("The standard output is closed, and --json writes there.", "Open it.")
        if self.serve is not None:
            Address.parse(self.serve)

    def _check_files(self, source: Path | None) -> None:
        for flag, named in (("--out", self.out), ("--csv", self.csv)):
            if source and named and source.exists() and _is_same(source, named):
                raise UsageError(
                    f"{flag} {named} would overwrite the source.",
                    f"Name another file or folder with {flag}.",
                )
        if self.csv is not None and str(self.csv) == "-":
            raise UsageError("--csv needs the name of a file.", "Use --json for standard output.")
        if self.csv is not None and self.out is not None and _is_same(self.csv, self.out):
            raise UsageError("--csv and --out name the same file.", "Name two.")
        is_video = source is None or not (source.is_dir() or _is_still(source))
        if self.out is not None and is_video and (not self.out.suffix or self.out.is_dir()):
            raise UsageError(
                f"--out {self.out} is no name of a video.", "Name a file, such as --out seen.mp4."
            )

    def open(
        self,
        opened: Source,
        path: Path | None,
        names: tuple[str, ...],
        meter: Meter,
        say: Callable[[str], object],
        source: str,
    ) -> list[Sink]:
        """The sinks; ``path`` is the source's, where it is a file, ``source`` is its name."""
        from edgeyolo.device.sinks.csvfile import CsvFile
        from edgeyolo.device.sinks.jsonl import JsonLines
        from edgeyolo.device.sinks.status import StatusLine
        from edgeyolo.device.sinks.window import Window, has_display

        sinks: list[Sink] = []
        if self.as_json:
            sinks.append(JsonLines(sys.stdout, names, is_live=opened.is_live, say=say))
        sinks += notices(self, opened, path, names, source, say)
        if self.serve is not None:
            sinks.append(_served(self.serve, names, meter, say))
        if self.csv is not None:
            sinks.append(CsvFile(self.csv, names, is_live=opened.is_live, say=say))
        if self.out is not None:
            sinks.append(_annotated(opened, names, path, self.out, say))
        if self.show or (opened.is_live and not self.as_json and has_display()):
            sinks.append(Window(names))
        # A service shows it in `systemctl status`; its journal on an SD card would not last long.
        if not self.as_json and "NOTIFY_SOCKET" not in os.environ:
            sinks.append(StatusLine(names, meter))
        return sinks


def outputs_flags(function: Function) -> Function:
    """The flags of :class:`Outputs`, handed to the command as ``outputs``."""

    @wraps(function)
    def gathered(**values: Any) -> Any:
        mine = {name: values.pop(name) for name in Outputs.__dataclass_fields__}
        return function(outputs=Outputs(**mine), **values)

    for flag in reversed(_FLAGS):
        gathered = flag(gathered)
    return gathered  # type: ignore[return-value]


_FLAGS = (
    click.option("--csv", type=click.Path(path_type=Path), help="File for a line per detection."),
    click.option("--out", type=click.Path(path_type=Path), help="Annotated file or folder."),
    click.option("--show", is_flag=True, help="Open a window."),
    click.option(
        "--serve",
        metavar="[HOST:PORT]",
        is_flag=False,
        flag_value=DEFAULT,
        help=f"Live page for browsers, at {DEFAULT} if left out.",
    ),
    *NOTICE_FLAGS,
    json_flag,
)


def _served(
    address: str, names: tuple[str, ...], meter: Meter, say: Callable[[str], object]
) -> Sink:
    from edgeyolo.device.sinks.serve import Serve

    return Serve(address, names, meter, say, lookup("serve_token").value)


def _default_out(source: Path) -> Path:
    if source.is_dir():
        return Path(f"{source.resolve().name}-detected")
    return Path(f"{source.stem}-detected{source.suffix if _is_still(source) else '.mp4'}")


def _is_still(source: Path) -> bool:
    from edgeyolo.images import IMAGE_SUFFIXES

    return source.suffix.lower() in IMAGE_SUFFIXES


def _is_same(one: Path, other: Path) -> bool:
    """Also by another name, and where neither is there yet."""
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.resolve() == other.resolve()


def _annotated(
    opened: Source,
    names: tuple[str, ...],
    source: Path | None,
    out: Path,
    say: Callable[[str], object],
) -> Sink:
    from edgeyolo.device.sinks.annotated import AnnotatedImages, AnnotatedVideo

    if opened.fps is None and source is not None:
        return AnnotatedImages(out, names, single=not source.is_dir())
    return AnnotatedVideo(out, names, opened.fps or 15.0, is_live=opened.is_live, say=say)
