"""edgeyolo doctor: what is installed, what works, and what to do about the rest."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from edgeyolo.cli.options import json_flag
from edgeyolo.errors import ExitCode

if TYPE_CHECKING:
    from edgeyolo.doctor.findings import Section


@click.command(short_help="Say what is installed, what works, and what to do about the rest.")
@json_flag
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Examine this machine: engines, OpenCV, GPU, packages, folders, clock, power and camera.

    Each engine has to compute something, in a process of its own. The exit code is 1 where there
    is a problem; a note is none.
    """
    from edgeyolo.doctor.examine import examine
    from edgeyolo.doctor.findings import count
    from edgeyolo.doctor.text import section_text, summary

    environment, upcoming = examine()
    sections = []
    for section in upcoming:  # some take seconds: each is shown when it is there
        sections.append(section)
        if not as_json:
            click.echo(section_text(section))
    problems = count(sections, "problem")
    if as_json:
        answer = {"ok": not problems, "findings": _flat(sections), "environment": environment}
        click.echo(json.dumps(answer, indent=2))
    else:
        click.echo(summary(sections))
    ctx.exit(ExitCode.FAILED if problems else ExitCode.OK)


def _flat(sections: list[Section]) -> list[dict[str, Any]]:
    return [
        {"section": section.title, **asdict(finding)}
        for section in sections
        for finding in section.findings
    ]
