"""All jobs, for reading."""

from __future__ import annotations

from datetime import datetime
from typing import Any

_LONGEST = 60


def jobs_table(jobs: list[dict[str, Any]]) -> str:
    """A line for each: where, state, stage, and what was last heard of it."""
    rows = [(job["folder"], job["state"], _time(job), job["stage"], _said(job)) for job in jobs]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _time(job: dict[str, Any]) -> str:
    return datetime.fromtimestamp(job["at"]).strftime("%m-%d %H:%M") if job["at"] else ""


def _said(job: dict[str, Any]) -> str:
    note = str(job["note"])
    return note if len(note) <= _LONGEST else f"{note[:_LONGEST]}…"
