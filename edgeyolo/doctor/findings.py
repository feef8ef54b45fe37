"""What doctor says about one thing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "note", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """How one thing is; the remedy is one line or several, long commands on a line of their own."""

    name: str
    status: Status
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Findings that belong together."""

    title: str
    findings: list[Finding]


def count(sections: Iterable[Section], status: str) -> int:
    """Findings of a status."""
    return sum(finding.status == status for part in sections for finding in part.findings)
