"""How accurate each net is, in all and by class."""

from __future__ import annotations

from typing import Any

from edgeyolo.report.form import Report, baseline_of, label

_MOST_COLUMNS = 12  # of nets beside each other


def section(report: Report) -> dict[str, Any]:
    """Nets with an accuracy; by class only the first of them, where there are many."""
    nets = [net for net in report["nets"] if net["accuracy"]]
    if not nets:
        return {"missing": "No net of this report was judged."}
    shown, base = nets[:_MOST_COLUMNS], baseline_of(report)
    classes = [
        {
            "name": entry["name"],
            "boxes": entry["boxes"],
            "ap": [net["accuracy"]["per_class"][index]["ap50_95"] for net in shown],
        }
        for index, entry in enumerate(nets[0]["accuracy"]["per_class"])
    ]
    return {
        "rows": [
            {"label": label(net), **net["accuracy"], "role": net["role"], "is_base": net is base}
            for net in nets
        ],
        "columns": [label(net) for net in shown],
        "left_out": len(nets) - len(shown),
        "classes": classes,
    }
