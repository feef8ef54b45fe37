"""report.json → report.html: one file that needs no network and no script."""

from __future__ import annotations

import json
from typing import Any

from edgeyolo.report.figures import curves, thresholds, tradeoff
from edgeyolo.report.mistakes import confusions, detailed, matrix, sizes
from edgeyolo.report.pretraining import pretraining_sentence
from edgeyolo.report.verdict import sentences


def render(report: dict[str, Any]) -> str:
    """The whole page; the raw report is embedded, so that the page can be taken apart again."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("edgeyolo.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    embedded = json.dumps(report, sort_keys=True, separators=(",", ":")).replace("</", "<\\/")
    page: str = environment.get_template("report.html.j2").render(
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
        embedded=embedded,
    )
    return page


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
