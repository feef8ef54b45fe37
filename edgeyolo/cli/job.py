"""Bring a run to its end and show the verdict; used by slim and resume."""

from __future__ import annotations

import json

import click

from edgeyolo.cli.narrator import Narrator
from edgeyolo.runs import Run


def finish(run: Run, as_json: bool, *, fresh: bool = False) -> None:
    """Do what is left of a run; the verdict goes to stdout, the narration to stderr."""
    from edgeyolo.flow.slim import execute
    from edgeyolo.report.verdict import verdict

    click.echo(f"Run: {run.folder}", err=True)
    narrator = Narrator()
    try:
        report = execute(run, narrator, fresh=fresh)
    finally:
        narrator.close()
    click.echo(json.dumps(report) if as_json else verdict(report))
    click.echo(f"Bundle: {run.bundle}\nReport: {run.report_page}", err=True)
