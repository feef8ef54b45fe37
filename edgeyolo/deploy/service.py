"""The release as a service of the board's systemd."""

from __future__ import annotations

from collections.abc import Sequence

from edgeyolo.deploy.board import Board
from edgeyolo.deploy.connection import Connection
from edgeyolo.errors import EdgeyoloError


def check_rights(host: str, board: Board) -> None:
    """Before anything is done.

    Raises:
        EdgeyoloError: when the user may not install a service.
    """
    if not board.may_be_root:
        raise EdgeyoloError(
            f"On {host} sudo asks for a password, and a service cannot be installed so.",
            "Allow it for this user (sudo visudo), or deploy without --service and install the "
            "unit of `edgeyolo run … --print-systemd-unit` yourself.",
        )


def unit_text(
    connection: Connection, board: Board, name: str, engine: str, words: Sequence[str]
) -> str:
    """The unit as the new release prints it, for whatever release will be the current one.

    Raises:
        EdgeyoloError: when the words are no command line of ``edgeyolo run``.
    """
    release = f"{board.base}/releases/{name}"
    given = [*words, *([] if "--engine" in words else ["--engine", engine])]
    answer = connection.run("Making the service", "unit", words=given, release=release)
    text = answer.text[max(0, answer.text.find("#")) :]
    return text.replace(f"{release}/", f"{board.base}/current/")


def start(connection: Connection, board: Board, unit: str = "") -> None:
    """Put the unit in place if there is one, and start the service anew; waits until it is ready.

    Raises:
        EdgeyoloError: when it does not start.
    """
    connection.run("Starting the service", "alive", "service", base=board.base, unit=unit)


def restore(connection: Connection, board: Board) -> None:
    """The unit as it was before, started again, or none."""
    connection.run("Restoring the service", "alive", "unservice", base=board.base)
