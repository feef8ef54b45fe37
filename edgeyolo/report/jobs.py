"""All jobs, for reading."""

from __future__ import annotations

from datetime import datetime
from typing import Any

_LONGEST = 60


def jobs_table(jobs: list[dict[str, Any]]) -> str:
    """A line for each: where, state, stage, and what was last heard of it."""
    width = max(len(job["folder"]) for job in jobs) + 2
    return "\n".join(_line(job, width) for job in jobs)


def _line(job: dict[str, Any], width: int) -> str:
    at = datetime.fromtimestamp(job["at"]).strftime("%m-%d %H:%M") if job["at"] else ""
    said = job["note"] if len(job["note"]) <= _LONGEST else f"{job['note'][:_LONGEST]}…"
    line = f"{job['folder']:<{width}}{job['state']:<12}{at:<13}{job['stage']:<28}{said}"
    return line.rstrip()
