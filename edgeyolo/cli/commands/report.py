"""edgeyolo report: what was gained and what was given up, of one run or of many."""

from __future__ import annotations

import json
from pathlib import Path

import click

from edgeyolo.cli.options import json_flag
from edgeyolo.errors import ExitCode, UsageError


@click.command(short_help="Draw the report of runs, searches, int8 bundles and benches.")
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the report [of one run or search: its own; else: report].",
)
@click.option("--profile", "profiles", multiple=True, help="Predict for this board, too; again.")
@click.option("--fps", type=float, help="Frames a second to reach: the best that does is named.")
@click.option("--latency", type=float, help="The same in ms from image to detections.")
@click.option(
    "--within",
    type=click.FloatRange(0, min_open=True),
    help="Points of mAP50-95 that the fastest may lose [1].",
)
@click.option("--pictures/--no-pictures", default=True, help="Images of your data in the page.")
@json_flag
def command(
    sources: tuple[Path, ...],
    out: Path | None,
    profiles: tuple[str, ...],
    fps: float | None,
    latency: float | None,
    within: float | None,
    pictures: bool,
    as_json: bool,
) -> ExitCode:
    """Join SOURCES and write report.html, report.json, results.csv, pareto.svg, pareto.png and a
    Markdown section for a model card.

    A source is a run or a search (its folder, or its name under runs/), a bundle that 'edgeyolo
    quantize' made, the answer of 'edgeyolo bench --json' on any machine, or a report.json. Nothing
    is measured anew; nets are known again by their files.
    """
    from edgeyolo.flow.collect.asked import Asked, report_of
    from edgeyolo.plan.budget import Budget
    from edgeyolo.report.verdict import sentences
    from edgeyolo.report.write import PAGE, write_report

    limit = None
    if fps is not None or latency is not None:
        limit = Budget.of(fps, latency, None, None, None).latency_ms
    report = report_of(sources, Asked(profiles, limit, within, pictures=pictures))
    folder = out or _own_folder(sources)
    write_report(report, folder)
    click.echo(json.dumps(report) if as_json else "\n".join(sentences(report)))
    click.echo(f"Report: {folder / PAGE}", err=True)
    return ExitCode.OK


def _own_folder(sources: tuple[Path, ...]) -> Path:
    """Of one run or search its own.

    Raises:
        UsageError: when it would be written beside a single file that is not its own.
    """
    from edgeyolo.flow.kinds import known
    from edgeyolo.runs import ROOT

    if len(sources) == 1:
        found = known(sources[0]) or known(ROOT / sources[0])
        if found:
            return found.folder
    folder = Path("report")
    if folder.exists() and not (folder / "report.json").is_file() and any(folder.iterdir()):
        raise UsageError(f"{folder} is there, and is no report.", "Name another folder with --out.")
    return folder
