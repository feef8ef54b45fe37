"""study.json → report.html: one file that needs no network and no script."""

from __future__ import annotations

import json
from typing import Any

from edgeyolo.report.study import known, taken, to_best
from edgeyolo.report.study_figures import against_latency, effects_figure, forest
from edgeyolo.report.study_groups import effects, remarks, seed_groups


def render_study(found: dict[str, Any]) -> str:
    """The whole page; ``study.json`` is embedded, so that the page can be taken apart again."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("edgeyolo.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"known": known, "taken": taken}
    embedded = json.dumps(found, sort_keys=True, separators=(",", ":")).replace("</", "<\\/")
    listed = effects(found)
    page: str = environment.get_template("study.html.j2").render(
        study=found,
        to_best={row["name"]: to_best(row, found) for row in found["rows"]},
        forest=forest(found) if found["rows"] else "",
        latency=against_latency(found) if found["rows"] else "",
        effects=listed,
        effects_figure=effects_figure(found) if listed else "",
        groups=seed_groups(found),
        remarks=remarks(found) if found["rows"] else [],
        embedded=embedded,
    )
    return page
