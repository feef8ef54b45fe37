"""edgeyolo jobs: all runs, searches and studies, and how far they are."""

from __future__ import annotations

import json

import click

from edgeyolo.cli.options import json_flag


@click.command(short_help="List all runs and how far they are.")
@json_flag
def command(as_json: bool) -> None:
    """List the runs, searches and studies under runs/, those that are worked on first."""
    from edgeyolo.flow.listing import listed
    from edgeyolo.report.jobs import jobs_table

    found = [job.to_dict() for job in listed()]
    if as_json:
        click.echo(json.dumps(found, indent=2))
    elif found:
        click.echo(jobs_table(found))
    else:
        click.echo("There are no runs here. Start one with: edgeyolo slim", err=True)
