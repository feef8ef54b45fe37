"""Measuring on a board: the steps of a deploy up to the switch, and nothing that stays."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgeyolo.deploy.connection import Connection
from edgeyolo.deploy.flow import Plan, Request, clear_away, install, locked, plan
from edgeyolo.errors import EdgeyoloError
from edgeyolo.progress import Progress

_STEPS = 4


def bench_there(
    connection: Connection, request: Request, words: Sequence[str], progress: Progress
) -> dict[str, Any]:
    """The answer of ``edgeyolo bench`` on the board, where ``words`` are its flags.

    A release that is there already is used as it is. One that is brought for this is not completed,
    so that it goes again, at the latest with the next deploy or bench.

    Raises:
        EdgeyoloError: when a step fails; the board is then as it was before.
    """
    with tempfile.TemporaryDirectory(prefix="edgeyolo-") as folder, locked(connection):
        work = Path(folder)
        made = plan(connection, request, work, progress, _STEPS)
        try:
            if not made.is_there:
                install(connection, made, work, progress, _STEPS)
            progress.stage(f"Measure on {connection.host}", 4, _STEPS)
            return _measured(connection, made, words)
        finally:
            if not made.is_there:
                clear_away(connection)


def _measured(connection: Connection, made: Plan, words: Sequence[str]) -> dict[str, Any]:
    said = connection.run("Measuring", "alive", "bench", words=words, release=made.folder)
    try:
        answer: dict[str, Any] = json.loads(said.value("bench"))
    except ValueError as error:
        raise EdgeyoloError(
            f"{connection.host} did not answer with figures.", "Run the command again."
        ) from error
    return answer
