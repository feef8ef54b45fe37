"""edgeyolo train: a net as it is, on a data set."""

from __future__ import annotations

import json
from typing import Any

import click

from edgeyolo.cli.job import job_flags
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
from edgeyolo.slim.spec import check_imgsz


@click.command(short_help="Train a net on a data set as it is, export and measure it.")
@spec_flags
@data_flag
@setting("from")
@setting("teacher")
@recipe_flags
@pretrain_flags
@setting("engine")
@job_flags
def command(
    data: str | None,
    dry_run: bool,
    as_json: bool,
    attach: bool,
    name: str | None,
    **values: Any,
) -> None:
    """Train the checkpoint --from, any YOLOv8 detector, on the data; nothing is made smaller.

    Without --from, a net of the given width, depth, … is trained from scratch. A teacher is asked
    only where one is named. The trained net is slim.pt in the run's folder, and what `edgeyolo
    slim --from` starts from.
    """
    from edgeyolo.cli.job import detach, finish
    from edgeyolo.cli.recorded import record_command
    from edgeyolo.device.engine import ENGINES
    from edgeyolo.flow.preflight import preflight
    from edgeyolo.flow.weights import find_weights
    from edgeyolo.plan.plan import Plan, parse_engines
    from edgeyolo.report.cost import cost_table, cost_values
    from edgeyolo.runs import Run
    from edgeyolo.slim.checkpoint import open_checkpoint, spec_of

    choice = data_choice(data)
    recipe = recipe_of(values, is_demo=choice.is_demo)
    source = find_weights(values["from_"], is_demo=False)
    teacher = find_weights(values["teacher"], is_demo=False)
    if source:
        refuse_spec_flags(values, "--from")
        spec = spec_of(open_checkpoint(source))
    else:
        spec = spec_of_flags(values)
    check_imgsz(recipe.imgsz, spec)
    pretraining = pretrain_of(values)
    if dry_run:
        figures = cost_values(spec, spec, len(choice.names()), recipe.imgsz)
        click.echo(json.dumps(figures, indent=2) if as_json else cost_table(figures))
        return
    plan = Plan(
        data=choice.value if choice.is_demo else str(choice.open().path),
        data_origin=choice.origin,
        is_demo=choice.is_demo,
        source=str(source) if source else None,
        spec=spec,
        engines=parse_engines(values["engine"], ENGINES),
        recipe=recipe,
        wide_epochs=recipe.epochs,
        teacher=str(teacher) if teacher else None,
        plain=True,
        **pretraining,
    )
    click.echo(f"Data set: {choice.value} ({choice.origin}).", err=True)
    preflight(plan)
    run = Run.create(plan, name)
    record_command(run.folder)
    if attach:
        finish(run, as_json, fresh=True)
    else:
        detach(run)
