"""report.json → report.html."""

from __future__ import annotations

from typing import Any

from edgeyolo.report.figures import curves, thresholds, tradeoff
from edgeyolo.report.mistakes import confusions, detailed, matrix, sizes
from edgeyolo.report.page import render_page
from edgeyolo.report.pretraining import pretraining_sentence
from edgeyolo.report.verdict import sentences


def render(report: dict[str, Any]) -> str:
    """The whole page."""
    return render_page(
        "report.html.j2",
        report,
        {},
        report=report,
        sentences=sentences(report),
        tradeoff=tradeoff(report),
        pretrained=_pretrained(report),
        curves=curves(report) if report["training"] else "",
        detailed=detailed(report),
        thresholds=thresholds(detailed(report)) if detailed(report) else "",
        matrix=matrix,
        confusions=confusions,
        sizes=sizes,
    )


def _pretrained(report: dict[str, Any]) -> str:
    """Where the backbone learned to classify first; reports of before know nothing of it."""
    outcome = report.get("pretraining")
    if not outcome:
        return ""
    images, classes = outcome["data"]["images"]["train"], len(outcome["data"]["classes"])
    return (
        f"The backbone first learned to classify: {images} images of {classes} classes from "
        f"{outcome['data']['name']}, {outcome['epochs']} epochs in {outcome['seconds']:.0f} s. "
        + pretraining_sentence(outcome)
    )
