"""Bring a run or a search to its end and show the verdict; used by slim and resume."""

from __future__ import annotations

import json
from contextlib import closing

import click

from edgeyolo.cli.narrator import Narrator
from edgeyolo.errors import ExitCode
from edgeyolo.runs import Run
from edgeyolo.searches import Search


def finish(run: Run, as_json: bool, *, fresh: bool = False) -> None:
    """Do what is left of a run; the verdict goes to stdout, the narration to stderr."""
    from edgeyolo.flow.slim import execute
    from edgeyolo.report.verdict import verdict

    click.echo(f"Run: {run.folder}", err=True)
    with closing(Narrator()) as narrator:
        report = execute(run, narrator, fresh=fresh)
    click.echo(json.dumps(report) if as_json else verdict(report))
    click.echo(f"Bundle: {run.bundle}\nReport: {run.report_page}", err=True)


def finish_search(search: Search, as_json: bool) -> ExitCode:
    """Do what is left of a search; ends with 5 when no net keeps to the budget."""
    from edgeyolo.flow.search import execute_search
    from edgeyolo.report.search import search_table

    click.echo(f"Search: {search.folder}", err=True)
    with closing(Narrator()) as narrator:
        result = execute_search(search, narrator)
    click.echo(json.dumps(result) if as_json else search_table(result))
    if result["recommended"] is None:
        return ExitCode.BUDGET_NOT_MET
    page = Run(search.folder / result["recommended"]).report_page
    click.echo(f"Bundle: {search.bundle}\nReport: {page}", err=True)
    return ExitCode.OK
