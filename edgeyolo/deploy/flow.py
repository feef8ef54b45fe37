"""The steps of a deploy; the board's present release is touched by none but the last."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeyolo.deploy.board import Board, examine
from edgeyolo.deploy.check import Expected, compare, expected
from edgeyolo.deploy.connection import Answer, Connection, archived
from edgeyolo.deploy.contents import (
    Contents,
    Environment,
    add_installers,
    environment_for,
    gather,
    needed_bytes,
)
from edgeyolo.deploy.service import activate, check_rights, unit_text
from edgeyolo.device.bundle import Bundle
from edgeyolo.errors import EdgeyoloError
from edgeyolo.progress import Progress

_STEPS = 5


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be on the board."""

    bundle: Bundle
    engine: str
    wheel: Path | None = None
    wheelhouse: bool = False
    image: Path | None = None
    service: tuple[str, ...] | None = None  # words for `edgeyolo run`


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything is known, nothing was changed."""

    board: Board
    environment: Environment
    contents: Contents  # with what installs it, where it is not there
    here: Expected

    @property
    def is_there(self) -> bool:
        """The board has this very release."""
        return self.contents.name in self.board.releases

    @property
    def folder(self) -> str:
        """Of the release on the board."""
        return f"{self.board.base}/releases/{self.contents.name}"


def plan(
    connection: Connection, request: Request, work: Path, progress: Progress, steps: int = _STEPS
) -> Plan:
    """Look at both sides, as the first two of so many steps.

    Raises:
        EdgeyoloError: when it cannot be done.
    """
    progress.stage(f"Look at {connection.host}", 1, steps)
    board = examine(connection)
    if request.service is not None:
        check_rights(connection.host, board)
    environment = environment_for(connection.host, board, offline=request.wheelhouse)
    progress.stage("Detect here, and make a wheel", 2, steps)
    here = expected(request.bundle, request.engine, request.image)
    contents = gather(request.bundle, request.engine, request.wheel, environment, work)
    if contents.name not in board.releases:
        contents = add_installers(contents, board, environment, work)
    made = Plan(board, environment, contents, here)
    _check_space(connection.host, made, request.engine)
    return made


def _check_space(host: str, made: Plan, engine: str) -> None:
    needed, free = needed_bytes(made.contents, engine, made.environment), made.board.free_bytes
    if not made.is_there and free is not None and free < needed:
        raise EdgeyoloError(
            f"The disk of {host} is full: {free / 2**20:.0f} MB are free, about "
            f"{needed / 2**20:.0f} MB are needed.",
            "Free some space there, then run the command again.",
        )


def deploy(connection: Connection, request: Request, progress: Progress) -> dict[str, Any]:
    """Bring a release to the board and switch to it; what came of it, for JSON.

    Raises:
        EdgeyoloError: when a step fails; the release that was current before still is.
    """
    with tempfile.TemporaryDirectory(prefix="edgeyolo-") as folder, locked(connection):
        work = Path(folder)
        made = plan(connection, request, work, progress)
        check = _checked(connection, request, made, work, progress)
        progress.stage("Switch to it", 5, _STEPS)
        name, words = made.contents.name, request.service
        if words is None:
            activate(connection, name)
        else:
            unit = unit_text(connection, made.folder, request.engine, words)
            activate(connection, name, "start", unit)
        tidied = _tidied(connection)
    return {
        **described(connection.host, request, made),
        "previous": _before(made),
        "check": check,
        "service_runs_old": request.service is None and _serves_another(made),
        "removed": tidied.values("removed"),
        "not_removed": tidied.values("kept"),
    }


def described(host: str, request: Request, made: Plan) -> dict[str, Any]:
    """The plan, for JSON."""
    return {
        "host": host,
        "release": made.contents.name,
        "folder": made.folder,
        "reused": made.is_there,
        "machine": made.board.machine,
        "python": str(made.environment),
        "engine": request.engine,
        "bytes": 0 if made.is_there else made.contents.size_bytes,
        "service": None if request.service is None else list(request.service),
    }


def _before(made: Plan) -> str | None:
    """The release to go back to."""
    board = made.board
    return (board.previous if board.current == made.contents.name else board.current) or None


def _serves_another(made: Plan) -> bool:
    board = made.board
    return board.has_service and (board.serves or board.current) != made.contents.name


@contextmanager
def locked(connection: Connection) -> Iterator[None]:
    """Nobody else changes the board meanwhile, and nothing is left of those who failed."""
    with connection.held("lock") as answer:
        state, _, holder = answer.partition(" ")
        if state == "busy":
            end = f"; if it broke off, end it: ssh {connection.there} kill {holder}"
            raise EdgeyoloError(
                f"Another deploy to {connection.host} is under way.",
                f"Wait until it has ended{end if holder else ''}",
            )
        if state == "none":
            examine(connection)  # which tells of a system that is no Linux
            raise EdgeyoloError(
                f"{connection.host} has no flock, which keeps two deploys apart.",
                "Install that there: sudo apt install util-linux",
            )
        connection.run("Clearing away", "clean")
        yield


def _checked(
    connection: Connection, request: Request, made: Plan, work: Path, progress: Progress
) -> dict[str, Any]:
    """What the release detects; one that is damaged is installed once more."""
    again = "Check that it detects"
    if made.is_there:
        progress.stage(again, 4, _STEPS)
        try:
            return compare(connection, made.folder, request.engine, made.here)
        except EdgeyoloError as error:
            progress.line(f"{error.message} It is installed once more.")
    try:
        install(connection, made, work, progress)
        progress.stage(again, 4, _STEPS)
        return compare(connection, made.folder, request.engine, made.here)
    except EdgeyoloError:
        if made.is_there:  # damaged or not, it was somebody's release
            clear_away(connection)
        raise


def clear_away(connection: Connection) -> None:
    """Remove what is not whole, if that is possible now."""
    with suppress(EdgeyoloError):  # the next deploy does it
        connection.run("Clearing away", "clean")


def install(
    connection: Connection, made: Plan, work: Path, progress: Progress, steps: int = _STEPS
) -> None:
    """Bring the release and make its environment, as the third of so many steps.

    Raises:
        EdgeyoloError: when it fails; nothing of it is left then.
    """
    progress.stage("Send and install", 3, steps)
    contents, environment, name = made.contents, made.environment, made.contents.name
    if made.is_there:
        contents = add_installers(contents, made.board, environment, work)
    progress.line(f"{contents.size_bytes / 1e6:.1f} MB")
    repair = "yes" if made.is_there or made.board.current == name else ""
    files = archived(contents.files)
    try:
        connection.send("Sending", "unpack", files, release=made.folder, repair=repair)
        connection.run(
            "Installing",
            *("alive", "install"),
            release=made.folder,
            python=environment.python,
            managed="yes" if environment.by_uv else "",
            site="yes" if environment.sees_system else "",
            offline="yes" if environment.offline else "",
            wheel=contents.requirement,
        )
    except EdgeyoloError:
        clear_away(connection)
        raise


def _tidied(connection: Connection) -> Answer:
    """What could be removed and what could not; the new release runs either way."""
    try:
        return connection.run("Tidying up", "alive", "clean", "prune")
    except EdgeyoloError as error:
        return Answer(f"edgeyolo:kept={error.message}")


def roll_back(connection: Connection, *, dry_run: bool = False) -> dict[str, Any]:
    """Exchange the current release and the one before it, with its service if it had one.

    Raises:
        EdgeyoloError: when there is none.
    """
    if dry_run:
        return _way_back(connection, examine(connection))
    with locked(connection):
        board = examine(connection)
        way = _way_back(connection, board)
        # A unit that names no release is not ours to replace.
        own = board.may_be_root and bool(board.serves) and board.previous in board.units
        restarted = activate(connection, board.previous, "own" if own else "")
    return {
        **way,
        "restarted": restarted,
        "service_runs_old": not own and board.has_service and board.serves != board.previous,
    }


def _way_back(connection: Connection, board: Board) -> dict[str, Any]:
    known = board.previous in board.releases
    if not (known and board.current) or board.current == board.previous:
        raise EdgeyoloError(
            f"{connection.host} has no release to go back to.", "Deploy a bundle instead."
        )
    return {
        "host": connection.host,
        "release": board.previous,
        "folder": f"{board.base}/releases/{board.previous}",
        "previous": board.current,
    }
