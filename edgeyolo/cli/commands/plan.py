"""edgeyolo plan: which nets keep to a budget on a board."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import click

from edgeyolo.cli.budget import budget_flags, budget_of, planned
from edgeyolo.cli.narrator import Narrator
from edgeyolo.cli.options import data_choice, json_flag, setting
from edgeyolo.cli.recipe import recipe_flags, recipe_of
from edgeyolo.errors import ExitCode


@click.command(short_help="Say which nets keep to a budget on a board, before any is trained.")
@click.argument("data", required=False)
@budget_flags
@setting("from")
@setting("engine")
@recipe_flags
@json_flag
def command(data: str | None, as_json: bool, **values: Any) -> ExitCode:
    """Propose 3 to 6 nets for the data set DATA that keep to a budget on a board, and say why.

    DATA is a data.yaml, else the one configured, of this folder, or the demo data. Latency is
    predicted for all candidates: widths, depths, levels, DFL bins, image sizes up to --imgsz,
    engines and precisions. What each costs in accuracy is an estimate from other data sets. Ends
    with 5 where nothing fits; `edgeyolo slim` with the same budget trains what is proposed.
    """
    from edgeyolo.report.plan import plan_table

    choice, budget = data_choice(data), budget_of(values)
    recipe = recipe_of(values, is_demo=choice.is_demo)
    with closing(Narrator()) as narrator:
        found = planned(choice, budget, recipe, values, narrator).to_dict()
    click.echo(json.dumps(found, indent=2) if as_json else plan_table(found))
    return ExitCode.OK if found["proposals"] else ExitCode.BUDGET_NOT_MET
