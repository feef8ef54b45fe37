"""Findings as text: the status as a word, so that it needs no color, and the remedy below."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterable

from edgeyolo.doctor.findings import Finding, Section, count

_WIDTH = 100
_MARKS = {"ok": "ok", "note": "note", "problem": "PROBLEM"}
_MARK, _NAME = 11, 16  # columns; a name longer than that moves its own line only


def section_text(section: Section) -> str:
    """The title, then each finding; details start in one column."""
    return "\n".join([section.title, *map(_finding_text, section.findings), ""])


def summary(sections: Iterable[Section]) -> str:
    """How many problems and notes there are."""
    counts = [(count(sections, status), status) for status in ("problem", "note")]
    words = [f"{n or 'no'} {status}{'' if n == 1 else 's'}" for n, status in counts]
    return f"{', '.join(words)}.".capitalize()


def _finding_text(finding: Finding) -> str:
    head = f"{f'  {_MARKS[finding.status]}':<{_MARK}}{finding.name:<{_NAME - 1}} "
    detail = textwrap.fill(
        re.sub(r" (?=\d)", "\xa0", finding.detail),  # a version stays with its package
        min(_WIDTH, shutil.get_terminal_size((_WIDTH, 24)).columns),
        initial_indent=head,
        subsequent_indent=" " * (_MARK + _NAME),
        break_on_hyphens=False,
        break_long_words=False,
    ).replace("\xa0", " ")
    # A remedy is not wrapped: its commands are there to be copied.
    return "\n".join([detail, *(" " * _MARK + line for line in finding.remedy.splitlines())])
