"""From what the user names to one report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeyolo.flow.collect.board import with_board
from edgeyolo.flow.collect.sources import collect
from edgeyolo.measure.host import profile_of
from edgeyolo.report.form import Report
from edgeyolo.report.merge import merge


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a report besides what it is made of."""

    profiles: Sequence[str] = ()  # boards to predict for
    latency_ms: float | None = None
    within_points: float | None = None
    pictures: bool = True


def report_of(sources: Sequence[Path], asked: Asked) -> Report:
    """Join the sources; the budget holds for the first board that is asked for, else for all.

    Raises:
        UsageError: when there is nothing at a place, or no such board.
        DataError: when a file is damaged, or nets were judged by different images.
    """
    boards = [profile_of(name) for name in dict.fromkeys(asked.profiles)]
    report = merge([collect(source) for source in sources])
    for board in boards:
        report = with_board(report, board)
    budget = dict(report["budget"])
    if asked.latency_ms is not None:
        device = boards[0].name if boards else None
        budget |= {"latency_ms": asked.latency_ms, "device": device}
    if asked.within_points is not None:
        budget["within_points"] = asked.within_points
    report = {**report, "budget": budget}
    return report if asked.pictures else _without_pictures(report)


def _without_pictures(report: Report) -> Report:
    """What may be shown to people who may not see the data."""
    quantizations = [{**each, "disagreements": []} for each in report["quantizations"]]
    return {**report, "gallery": None, "quantizations": quantizations}
