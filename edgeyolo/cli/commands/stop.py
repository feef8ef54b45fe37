"""edgeyolo stop: end a job at its next safe point, or at once."""

from __future__ import annotations

from pathlib import Path

import click

from edgeyolo.errors import EdgeyoloError, UsageError

_PATIENCE_S = 60.0


@click.command(short_help="End a job at its next safe point, or at once.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--now", is_flag=True, help="At once; what the last whole epoch saved remains.")
def command(run: Path, now: bool) -> None:
    """Ask the job of RUN, a folder under runs/ or its name, to stop after its batch.

    `edgeyolo resume RUN` goes on with it.
    """
    from edgeyolo.flow.attend import end
    from edgeyolo.flow.kinds import find

    folder = find(run).folder
    ended = end(folder, now=now, patience_s=_PATIENCE_S)
    if ended is None:
        raise UsageError(f"Nobody is working on {folder}.", "See all with: edgeyolo jobs")
    if not ended:
        raise EdgeyoloError(
            f"{folder} was asked to stop and has not done so within {_PATIENCE_S:.0f} s.",
            "Wait, or end it at once with --now.",
        )
    click.echo(f"Stopped. Go on with: edgeyolo resume {folder}", err=True)
