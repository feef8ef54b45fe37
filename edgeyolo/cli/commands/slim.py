"""edgeyolo slim: the main job."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from edgeyolo.cli.budget import budget_flags, budget_of, drop_budget, is_budgeted, planned
from edgeyolo.cli.job import job_flags
from edgeyolo.cli.narrator import Narrator
from edgeyolo.cli.options import (
    data_choice,
    data_flag,
    refuse_spec_flags,
    setting,
    spec_flags,
    spec_of_flags,
)
from edgeyolo.cli.pretrain import pretrain_flags, pretrain_of
from edgeyolo.cli.recipe import recipe_flags, recipe_of
from edgeyolo.errors import ExitCode, UsageError
from edgeyolo.slim.spec import SlimSpec, check_imgsz

if TYPE_CHECKING:
    from edgeyolo.dataset.find import DataChoice
    from edgeyolo.plan.plan import Plan
    from edgeyolo.train.recipe import Recipe


@click.command(short_help="Make a smaller net from a data set, retrain, export and measure it.")
@spec_flags
@budget_flags
@data_flag
@setting("from")
@setting("finetune")
@setting("importance")
@setting("gradual")
@setting("teacher")
@recipe_flags
@pretrain_flags
@setting("wide_epochs")
@setting("engine")
@job_flags
def command(
    data: str | None,
    dry_run: bool,
    as_json: bool,
    attach: bool,
    name: str | None,
    **values: Any,
) -> ExitCode:
    """Make YOLOv8n smaller, retrain it, export it and say what was gained and lost.

    The data set is --data, else the one named in edgeyolo.toml, else the data.yaml of this
    folder, else the demo data. Everything is kept in runs/NAME. A process of its own does the
    work: closing the terminal does not end it, Ctrl-C asks it to stop. `edgeyolo jobs` lists all,
    `edgeyolo resume` looks at one or goes on with it, `edgeyolo stop` ends it.

    With --profile and a budget, nets that keep to it are proposed as by `edgeyolo plan`, trained in
    order of promise, ended early where they fall behind, and measured; one is recommended, or the
    command ends with 5 and the nearest misses.
    """
    choice = data_choice(data)
    if is_budgeted(values):
        return _search(choice, name, values, dry_run=dry_run, attach=attach, as_json=as_json)
    drop_budget(values)
    spec = spec_of_flags(values)
    recipe = recipe_of(values, is_demo=choice.is_demo)
    check_imgsz(recipe.imgsz, spec)
    if dry_run:
        _dry_run(
            _plan(spec, recipe, choice, choice.value, values), choice, values["from_"], as_json
        )
    else:
        # Broken data are refused before a folder is made for them.
        data = choice.value if choice.is_demo else str(choice.open().path)
        _run(_plan(spec, recipe, choice, data, values), choice, name, attach, as_json)
    return ExitCode.OK


def _search(
    choice: DataChoice,
    name: str | None,
    values: dict[str, Any],
    *,
    dry_run: bool,
    attach: bool,
    as_json: bool,
) -> ExitCode:
    from edgeyolo.cli.job import detach, finish_search
    from edgeyolo.cli.recorded import record_command
    from edgeyolo.flow.preflight import preflight
    from edgeyolo.plan.candidate import Candidate
    from edgeyolo.report.plan import plan_table
    from edgeyolo.searches import Search, plan_of

    if not values["finetune"]:
        raise UsageError(
            "With a budget the wide net has to know the data: all others are measured by it.",
            "Leave out --no-finetune.",
        )
    refuse_spec_flags(values, "the budget")
    budget, recipe = budget_of(values), recipe_of(values, is_demo=choice.is_demo)
    data = choice.value if choice.is_demo else str(choice.open().path)
    click.echo(f"Data set: {choice.value} ({choice.origin}).", err=True)
    with closing(Narrator()) as narrator:
        found = planned(choice, budget, recipe, values, narrator)
    answer = found.to_dict()
    is_last = dry_run or not answer["proposals"]
    if is_last and as_json:
        click.echo(json.dumps(answer, indent=2))
    else:
        click.echo(plan_table(answer), err=not is_last)
    if not answer["proposals"]:
        return ExitCode.BUDGET_NOT_MET
    base = _plan(found.question.wide, recipe, choice, data, values)
    for row in answer["proposals"]:
        candidate = Candidate.of_row(row)
        preflight(plan_of(base, candidate, base.source))
    if dry_run:
        return ExitCode.OK
    search = Search.create(base, answer, name)
    record_command(search.folder)
    if attach:
        return finish_search(search, as_json)
    detach(search)
    return ExitCode.OK


def _plan(
    spec: SlimSpec, recipe: Recipe, choice: DataChoice, data: str, values: dict[str, Any]
) -> Plan:
    """What is asked for; refuses what cannot be."""
    from edgeyolo.device.engine import ENGINES
    from edgeyolo.flow.weights import find_weights
    from edgeyolo.plan.plan import Plan, parse_engines

    source = find_weights(values["from_"], is_demo=choice.is_demo)
    teacher = find_weights(values["teacher"], is_demo=False)
    return Plan(
        data=data,
        data_origin=choice.origin,
        is_demo=choice.is_demo,
        source=str(source) if source else None,
        spec=spec,
        engines=parse_engines(values["engine"], ENGINES),
        recipe=recipe,
        wide_epochs=values["wide_epochs"],
        importance=values["importance"],
        gradual=values["gradual"],
        teacher=str(teacher) if teacher else None,
        finetune=values["finetune"],
        **pretrain_of(values),
    )


def _dry_run(plan: Plan, choice: DataChoice, from_: str | None, as_json: bool) -> None:
    from edgeyolo.flow.weights import find_weights
    from edgeyolo.report.cost import cost_table, cost_values
    from edgeyolo.slim.checks import check_inherits

    wide = SlimSpec()
    source = find_weights(from_, is_demo=False)  # the demo's net is an ordinary YOLOv8n
    if source:  # opened only then: the figures alone need no torch
        from edgeyolo.slim.checkpoint import open_checkpoint, spec_of

        wide = spec_of(open_checkpoint(source))
    check_inherits(plan.spec, wide)
    plan.steps(wide)  # refuses steps that lead nowhere
    figures = cost_values(plan.spec, wide, len(choice.names()), plan.imgsz)
    click.echo(json.dumps(figures, indent=2) if as_json else cost_table(figures))


def _run(plan: Plan, choice: DataChoice, name: str | None, attach: bool, as_json: bool) -> None:
    from edgeyolo.cli.job import detach, finish
    from edgeyolo.cli.recorded import record_command
    from edgeyolo.flow.preflight import preflight
    from edgeyolo.runs import Run

    click.echo(f"Data set: {choice.value} ({choice.origin}).", err=True)
    preflight(plan)
    run = Run.create(plan, name)
    record_command(run.folder)
    if attach:
        finish(run, as_json, fresh=True)
    else:
        detach(run)
