"""Bring a run, a search or a study to its end and show the verdict."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import click

from edgeyolo.cli.narrator import Narrator
from edgeyolo.cli.options import json_flag
from edgeyolo.errors import EdgeyoloError, ExitCode, StoppedError
from edgeyolo.runs import Run
from edgeyolo.searches import Search
from edgeyolo.studies.folder import Study

Function = TypeVar("Function", bound=Callable[..., Any])


def job_flags(function: Function) -> Function:
    """``--name``, ``--attach/--detach``, ``--dry-run`` and ``--json`` of what works for long."""
    for option in reversed(
        (
            click.option("--name", help="Name of the run's folder under runs/."),
            click.option(
                "--attach/--detach",
                default=True,
                help="Look on until it has ended, or let it work.",
            ),
            click.option(
                "--dry-run",
                is_flag=True,
                help="Print what would be trained and its cost, and end.",
            ),
            json_flag,
        )
    ):
        function = option(function)
    return function


def finish(run: Run, as_json: bool, *, fresh: bool = False) -> None:
    """Do what is left of a run; the verdict goes to stdout, the narration to stderr."""
    from edgeyolo.files import read_json
    from edgeyolo.flow.attend import attend, attend_fresh
    from edgeyolo.report.verdict import verdict

    click.echo(f"Run: {run.folder}", err=True)
    if not run.report_file.exists():
        with closing(Narrator()) as narrator:
            if fresh:
                attend_fresh(run.folder, run.data_file, narrator)
            else:
                attend(run.folder, narrator)
    report = read_json(run.report_file)
    click.echo(json.dumps(report) if as_json else verdict(report))
    click.echo(f"Bundle: {run.bundle}\nReport: {run.report_page}", err=True)


def finish_search(search: Search, as_json: bool) -> ExitCode:
    """Do what is left of a search; ends with 5 when no net keeps to the budget."""
    from edgeyolo.files import read_json
    from edgeyolo.flow.attend import attend
    from edgeyolo.report.search import search_table

    click.echo(f"Search: {search.folder}", err=True)
    if not search.result_file.exists():
        with closing(Narrator()) as narrator:
            attend(search.folder, narrator)
    result = read_json(search.result_file)
    click.echo(json.dumps(result) if as_json else search_table(result))
    if result["recommended"] is None:
        return ExitCode.BUDGET_NOT_MET
    click.echo(f"Bundle: {search.bundle}\nReport: {search.report_page}", err=True)
    return ExitCode.OK


def finish_study(study: Study, as_json: bool, *, fresh: bool = False) -> ExitCode:
    """Do what is left of a study; the comparison comes also when some of it failed.

    Raises:
        EdgeyoloError: then.
    """
    from edgeyolo.files import read_json
    from edgeyolo.flow.attend import attend, attend_fresh
    from edgeyolo.report.study import study_table

    click.echo(f"Study: {study.folder}", err=True)
    failed = None
    if not study.is_done:
        try:
            with closing(Narrator()) as narrator:
                if fresh:
                    attend_fresh(study.folder, study.data_file, narrator)
                else:
                    attend(study.folder, narrator)
        except StoppedError:
            raise
        except EdgeyoloError as error:
            if not study.result_file.exists():
                raise
            failed = error
    result = read_json(study.result_file)
    click.echo(json.dumps(result) if as_json else study_table(result))
    click.echo(f"Table: {study.table_file}\nReport: {study.report_page}", err=True)
    if failed:
        raise failed
    return ExitCode.OK


def _finish_run(folder: Path, as_json: bool) -> ExitCode:
    finish(Run(folder), as_json)
    return ExitCode.OK


# By the name of the kind (edgeyolo.flow.kinds).
FINISH: dict[str, Callable[[Path, bool], ExitCode]] = {
    "run": _finish_run,
    "search": lambda folder, as_json: finish_search(Search(folder), as_json),
    "study": lambda folder, as_json: finish_study(Study(folder), as_json),
}


def detach(folder: Run | Search | Study) -> None:
    """Start what is left of it and leave it alone."""
    from edgeyolo.flow.attend import start

    start(folder.folder)
    click.echo(f"{folder.folder}")
    click.echo(
        f"It works on its own now. Look at it with: edgeyolo resume {folder.folder}\n"
        f"All jobs: edgeyolo jobs. End it with: edgeyolo stop {folder.folder}",
        err=True,
    )
