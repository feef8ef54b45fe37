"""edgeyolo resume: go on with a run that was stopped or killed."""

from __future__ import annotations

from pathlib import Path

import click

from edgeyolo.cli.options import json_flag
from edgeyolo.errors import ExitCode


@click.command(short_help="Go on with a run that was stopped, or look at one that is running.")
@click.argument("run", type=click.Path(path_type=Path))
@json_flag
def command(run: Path, as_json: bool) -> ExitCode:
    """Do what is left of RUN, a folder under runs/ or its name."""
    from edgeyolo.cli.job import FINISH
    from edgeyolo.flow.kinds import find

    work = find(run)
    return FINISH[work.kind.name](work.folder, as_json)
