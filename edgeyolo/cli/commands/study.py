"""edgeyolo study: a grid of trainings, one after the other, and their comparison."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeyolo.cli.job import job_flags
from edgeyolo.cli.options import data_choice
from edgeyolo.cli.pretrain import pretrain_of
from edgeyolo.cli.recipe import recipe_of
from edgeyolo.config import all_values
from edgeyolo.errors import ExitCode

if TYPE_CHECKING:
    from edgeyolo.dataset.find import DataChoice
    from edgeyolo.studies.folder import Entry, Study
    from edgeyolo.studies.schema import Asked


@click.command(short_help="Train a grid of nets and settings, and compare them.")
@click.argument("file", type=click.Path(path_type=Path))
@job_flags
def command(file: Path, dry_run: bool, as_json: bool, attach: bool, name: str | None) -> ExitCode:
    """Train all combinations that FILE, a study.yaml, describes, one after the other.

    A size (n to x) is trained as it is, like `edgeyolo train`; a spec is slimmed, like `edgeyolo
    slim`, from a wide net that is trained once for all with the same settings. What fails is noted,
    and the others go on. `edgeyolo resume NAME` goes on where it was stopped, and tries again what
    failed. With the --name of a study that is there already, what FILE has more than that is added
    to it; a FILE that asks for something else is refused.
    """
    from edgeyolo.cli.job import detach, finish_study
    from edgeyolo.flow.study_queue import check_queue
    from edgeyolo.runs import ROOT
    from edgeyolo.studies.folder import Study
    from edgeyolo.studies.schema import read_study

    asked = read_study(file)
    choice = _data(asked)
    click.echo(f"Data set: {choice.value} ({choice.origin}).", err=True)
    entries = _entries(asked, choice, is_dry=dry_run)
    if dry_run:
        _dry_run(entries, choice, as_json)
        return ExitCode.OK
    check_queue(asked, entries)
    known = Study.find(ROOT / name) if name else None
    study = _extended(known, entries, file) if known else _new(choice, entries, file, name)
    if attach:
        return finish_study(study, as_json, fresh=known is None)
    detach(study)
    return ExitCode.OK


def _data(asked: Asked) -> DataChoice:
    from edgeyolo.dataset.find import DEMO, choose_data
    from edgeyolo.flow.study_sources import beside

    named = asked.values.get("data")
    if named is None:
        return data_choice(None)
    return choose_data(DEMO if named == DEMO else beside(asked, named), f"named by {asked.path}")


def _entries(asked: Asked, choice: DataChoice, *, is_dry: bool) -> list[Entry]:
    from edgeyolo.flow.study_queue import queue_of
    from edgeyolo.flow.study_sources import beside
    from edgeyolo.studies.schema import told_of

    values: dict[str, Any] = {key: entry.value for key, entry in all_values().items()}
    values |= {**asked.values, "settings": asked.settings}
    if values["pretrain_classify"] is not None:
        values["pretrain_classify"] = beside(asked, values["pretrain_classify"])
    with told_of(asked.path):
        pretraining = pretrain_of(values)
        recipe = recipe_of(dict(values), is_demo=choice.is_demo)
    # Broken data are refused before a folder is made for them.
    opened = choice.value if choice.is_demo or is_dry else str(choice.open().path)
    return queue_of(asked, choice, opened, recipe, values, pretraining)


def _dry_run(entries: list[Entry], choice: DataChoice, as_json: bool) -> None:
    from edgeyolo.flow.study_estimate import estimate
    from edgeyolo.report.study_cost import study_plan_table

    for entry in entries:
        entry.plan.recipe.frozen_layers(entry.plan.spec)  # refuses more than there are
    planned = estimate(entries, choice)
    click.echo(json.dumps(planned, indent=2) if as_json else study_plan_table(planned))


def _new(choice: DataChoice, entries: list[Entry], file: Path, name: str | None) -> Study:
    from edgeyolo.cli.recorded import record_command
    from edgeyolo.studies.folder import Study

    data = "demo" if choice.is_demo else Path(choice.value).absolute().parent.name
    study = Study.create(entries, file, name, f"{data}-study")
    record_command(study.folder)
    return study


def _extended(study: Study, entries: list[Entry], file: Path) -> Study:
    """The same, with what the file has more."""
    new = study.extend(entries, file)
    added = f"{len(new)} new" if new else "nothing is new"
    click.echo(f"Going on with {study.folder}: {added}.", err=True)
    return study
