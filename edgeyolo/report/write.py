"""All files of a report, each a pure function of report.json."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edgeyolo.files import write_bytes, write_json, write_text
from edgeyolo.report.card import model_card
from edgeyolo.report.figures import as_png, as_svg
from edgeyolo.report.form import Report
from edgeyolo.report.html import render
from edgeyolo.report.pareto_figure import pareto_figure
from edgeyolo.report.results_csv import results_csv
from edgeyolo.report.sections.tradeoff import panels_of

JSON, PAGE, TABLE, CARD = "report.json", "report.html", "results.csv", "model-card.md"
SVG, PNG = "pareto.svg", "pareto.png"


def write_report(report: Report, folder: Path) -> None:
    """Write them; report.json last, which says that all others are there.

    Raises:
        EdgeyoloError: when the folder cannot be written.
    """
    write_text(folder / PAGE, render(report))
    write_text(folder / TABLE, results_csv(report))
    write_text(folder / CARD, model_card(report))
    for name, content in _figures(report):
        write_bytes(folder / name, content)
    write_json(folder / JSON, report)


def _figures(report: Report) -> Iterator[tuple[str, bytes]]:
    panels = panels_of(report)
    if panels:
        yield SVG, as_svg(pareto_figure(panels), alone=True).encode()
        yield PNG, as_png(pareto_figure(panels))
