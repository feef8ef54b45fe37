"""Which command line made a folder, for whoever reads its report."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import click

import edgeyolo
from edgeyolo.cli.main import WORDS
from edgeyolo.files import write_json
from edgeyolo.runs import Run


def record_command(folder: Path) -> None:
    """Write ``command.json`` into the new folder of a run, a search or a study.

    Nothing of slim, train and study is secret: what loggers need is in the environment.

    Raises:
        EdgeyoloError: when it cannot be written.
    """
    words = click.get_current_context().meta.get(WORDS)
    if words is None:  # not asked for by a command line
        return
    write_json(
        Run(folder).command_file,
        {
            "argv": ["edgeyolo", *words],
            "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "edgeyolo": edgeyolo.__version__,
        },
    )
