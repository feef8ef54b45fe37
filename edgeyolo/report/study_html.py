"""study.json → report.html."""

from __future__ import annotations

from typing import Any

from edgeyolo.report.page import render_page
from edgeyolo.report.study import known, taken, to_best
from edgeyolo.report.study_figures import against_latency, effects_figure, forest
from edgeyolo.report.study_groups import effects, remarks, seed_groups


def render_study(found: dict[str, Any]) -> str:
    """The whole page."""
    listed = effects(found)
    return render_page(
        "study.html.j2",
        found,
        {"known": known, "taken": taken},
        study=found,
        to_best={row["name"]: to_best(row, found) for row in found["rows"]},
        forest=forest(found) if found["rows"] else "",
        latency=against_latency(found) if found["rows"] else "",
        effects=listed,
        effects_figure=effects_figure(found) if listed else "",
        groups=seed_groups(found),
        remarks=remarks(found) if found["rows"] else [],
    )
