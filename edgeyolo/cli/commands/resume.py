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
    from edgeyolo.cli.job import finish, finish_search
    from edgeyolo.runs import Run
    from edgeyolo.searches import Search

    search = Search.find(run)
    if search is not None:
        return finish_search(search, as_json)
    finish(Run.open(run), as_json)
    return ExitCode.OK
