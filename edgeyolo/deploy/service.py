"""The release as a service of the board's systemd."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from edgeyolo.deploy.board import Board
from edgeyolo.deploy.connection import Connection
from edgeyolo.errors import EdgeyoloError, UsageError

_FIRST_LINE = "# /etc/systemd/system/edgeyolo.service"


def check_words(words: Sequence[str], engine: str) -> None:
    """The release holds no other engine.

    Raises:
        UsageError: when the words for ``edgeyolo run`` ask for one.
    """
    values = [word.partition("=")[2] for word in words if word.startswith("--engine=")]
    values += [value for word, value in pairwise(words) if word == "--engine"]
    for value in values:
        if value != engine:
            raise UsageError(
                f"The service is to run {value}, but {engine} is installed.",
                f"Name it before the --, too: --engine {value}",
            )


def check_rights(host: str, board: Board) -> None:
    """Before anything is done.

    Raises:
        EdgeyoloError: when no service can be installed.
    """
    if not board.has_systemd:
        raise EdgeyoloError(
            f"{host} has no systemd, which a service needs.", "Deploy without --service."
        )
    if not board.may_be_root:
        raise EdgeyoloError(
            f"On {host} sudo is missing or asks for a password, and a service cannot be installed "
            "so.",
            "Allow it for this user (sudo visudo), or deploy without --service and install "
            "yourself what this prints there: "
            f"{board.base}/current/venv/bin/edgeyolo run … --print-systemd-unit",
        )


def unit_text(connection: Connection, release: str, engine: str, words: Sequence[str]) -> str:
    """The unit as the release prints it.

    It names this release, not the current one: the next may have another engine.

    Raises:
        EdgeyoloError: when the words are no command line of ``edgeyolo run``.
        UsageError: when they are, but print something else than a unit.
    """
    given = ["--engine", engine, *words]
    answer = connection.run("Making the service", "unit", words=given, release=release)
    lines = answer.text.splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines) if line.rstrip() == _FIRST_LINE]
    if not starts:
        raise UsageError(
            f"{' '.join(words)} makes no service.", "Name a camera: -- --camera 0 --serve"
        )
    return "".join(lines[starts[-1] :])


def activate(connection: Connection, name: str, service: str = "", unit: str = "") -> bool:
    """Make a release the current one, and whether the service was started for it.

    ``service`` is "start" for a unit that runs from now on, "own" for the one that the release
    had, if any runs, and nothing where the service stays as it is.

    Raises:
        EdgeyoloError: when it does not start; then all is as it was.
    """
    what = "Starting the service" if service else "Switching"
    answer = connection.run(what, "activate", name=name, service=service, unit=unit)
    return bool(answer.value("restarted"))
