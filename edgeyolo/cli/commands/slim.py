"""edgeyolo slim: the main job."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from edgeyolo.cli.options import (
    data_choice,
    data_flag,
    json_flag,
    setting,
    spec_flags,
    spec_of_flags,
)
from edgeyolo.slim.spec import SlimSpec, check_imgsz

if TYPE_CHECKING:
    from edgeyolo.dataset.find import DataChoice
    from edgeyolo.plan.plan import Plan

_DEMO_EPOCHS, _EPOCHS = 8, 60
_IMGSZ = 640


@click.command(short_help="Make a smaller net from a data set, retrain, export and measure it.")
@spec_flags
@data_flag
@setting("from")
@setting("finetune")
@setting("importance")
@setting("gradual")
@setting("distill")
@setting("distill_features")
@setting("teacher")
@setting("imgsz")
@setting("epochs")
@setting("wide_epochs")
@setting("batch")
@setting("device")
@setting("seed")
@setting("engine")
@click.option("--name", help="Name of the run's folder under runs/.")
@click.option("--dry-run", is_flag=True, help="Print what the net would cost, and end.")
@json_flag
def command(
    data: str | None, dry_run: bool, as_json: bool, name: str | None, **values: Any
) -> None:
    """Make YOLOv8n smaller, retrain it, export it and say what was gained and lost.

    The data set is --data, else the one named in edgeyolo.toml, else the data.yaml of this
    folder, else the demo data. Everything is kept in runs/NAME; a stopped run goes on with
    `edgeyolo resume`.
    """
    from edgeyolo.dataset.demo import DEMO_IMGSZ

    spec = spec_of_flags(values)
    choice = data_choice(data)
    if values["imgsz"] is None:
        values["imgsz"] = DEMO_IMGSZ if choice.is_demo else _IMGSZ
    if values["epochs"] is None:
        values["epochs"] = _DEMO_EPOCHS if choice.is_demo else _EPOCHS
    check_imgsz(values["imgsz"], spec)
    if dry_run:
        _dry_run(_plan(spec, choice, choice.value, values), choice, values["from_"], as_json)
    else:
        # Broken data are refused before a folder is made for them.
        data = choice.value if choice.is_demo else str(choice.open().path)
        _run(_plan(spec, choice, data, values), choice, name, as_json)


def _plan(spec: SlimSpec, choice: DataChoice, data: str, values: dict[str, Any]) -> Plan:
    """What is asked for; refuses what cannot be."""
    from edgeyolo.device.engine import ENGINES
    from edgeyolo.flow.weights import find_weights
    from edgeyolo.plan.plan import Plan, parse_engines
    from edgeyolo.train.recipe import Recipe

    source = find_weights(values["from_"], is_demo=choice.is_demo)
    recipe = Recipe(
        values["epochs"],
        values["imgsz"],
        values["batch"],
        values["device"],
        values["seed"],
        values["distill"],
        values["distill_features"],
    )
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


def _run(plan: Plan, choice: DataChoice, name: str | None, as_json: bool) -> None:
    from edgeyolo.cli.job import finish
    from edgeyolo.flow.preflight import preflight
    from edgeyolo.runs import Run

    click.echo(f"Data set: {choice.value} ({choice.origin}).", err=True)
    preflight(plan)
    finish(Run.create(plan, name), as_json, fresh=True)
