"""report.json → report.html: one file that needs no network and no script."""

from __future__ import annotations

import json
from typing import Any

from edgeyolo.report.figures import curves, tradeoff
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
        curves=curves(report) if report["training"] else "",
        embedded=embedded,
    )
    return page
