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
from edgeyolo.deploy.connection import Connection, archived
from edgeyolo.deploy.contents import (
    Contents,
    Environment,
    add_installers,
    environment_for,
    gather,
    needed_bytes,
)
from edgeyolo.deploy.service import check_rights, restore, start, unit_text
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
    contents: Contents
    here: Expected

    @property
    def is_there(self) -> bool:
        """The board has this very release."""
        return self.contents.name in self.board.releases

    @property
    def folder(self) -> str:
        """Of the release on the board."""
        return f"{self.board.base}/releases/{self.contents.name}"


def plan(connection: Connection, request: Request, work: Path, progress: Progress) -> Plan:
    """Look at both sides.

    Raises:
        EdgeyoloError: when it cannot be done.
    """
    progress.stage(f"Look at {connection.host}", 1, _STEPS)
    board = examine(connection)
    if request.service is not None:
        check_rights(connection.host, board)
    environment = environment_for(connection.host, board, offline=request.wheelhouse)
    progress.stage("Detect here, and make a wheel", 2, _STEPS)
    here = expected(request.bundle, request.engine, request.image)
    contents = gather(request.bundle, request.engine, request.wheel, board, environment, work)
    made = Plan(board, environment, contents, here)
    _check_space(connection.host, made, request.engine)
    return made


def _check_space(host: str, made: Plan, engine: str) -> None:
    needed = needed_bytes(made.contents, engine, made.environment)
    if not made.is_there and made.board.free_bytes < needed:
        raise EdgeyoloError(
            f"The disk of {host} is full: {made.board.free_bytes / 2**20:.0f} MB are free, about "
            f"{needed / 2**20:.0f} MB are needed.",
            "Free some space there, then run the command again.",
        )


def deploy(connection: Connection, request: Request, progress: Progress) -> dict[str, Any]:
    """Bring a release to the board and switch to it; what came of it, for JSON.

    Raises:
        EdgeyoloError: when a step fails; the release that was current before still is.
    """
    with tempfile.TemporaryDirectory(prefix="edgeyolo-") as folder:
        work = Path(folder)
        made = plan(connection, request, work, progress)
        with _locked(connection, made.board):
            if not made.is_there:
                _install(connection, made, work, progress)
            progress.stage("Check that it detects", 4, _STEPS)
            check = compare(connection, made.folder, request.engine, made.here)
            progress.stage("Switch to it", 5, _STEPS)
            _switch(connection, request, made)
            removed = connection.run("Tidying up", "alive", "prune", base=made.board.base)
    return {
        **described(connection.host, request, made),
        "previous": _before(made),
        "check": check,
        "service_runs_old": request.service is None and made.board.has_service and _changes(made),
        "removed": removed.values("removed"),
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


def _changes(made: Plan) -> bool:
    return made.board.current != made.contents.name


@contextmanager
def _locked(connection: Connection, board: Board) -> Iterator[None]:
    with connection.held("lock", base=board.base) as answer:
        if answer == "busy":
            raise EdgeyoloError(
                f"Another deploy to {connection.host} is under way.", "Wait until it has ended."
            )
        yield


def _install(connection: Connection, made: Plan, work: Path, progress: Progress) -> None:
    progress.stage("Send and install", 3, _STEPS)
    contents = add_installers(made.contents, made.board, made.environment, work)
    progress.line(f"{contents.size_bytes / 1e6:.1f} MB")
    connection.send("Sending", "unpack", archived(contents.files), release=made.folder)
    environment, base = made.environment, made.board.base
    connection.run(
        "Installing",
        *("alive", "install"),
        base=base,
        release=made.folder,
        python=environment.python,
        uv=(made.board.uv or f"{base}/bin/uv") if environment.by_uv else "",
        site="yes" if environment.sees_system else "",
        offline="yes" if environment.offline else "",
        wheel=contents.requirement,
    )


def _switch(connection: Connection, request: Request, made: Plan) -> None:
    """Also the service, which takes the old release back when the new one does not start."""
    board, name = made.board, made.contents.name
    words = request.service
    unit = unit_text(connection, board, name, request.engine, words) if words is not None else ""
    connection.run("Switching", "switch", base=board.base, name=name)
    if words is None:
        return
    try:
        start(connection, board, unit)
    except EdgeyoloError:
        with suppress(EdgeyoloError):  # what came first is the reason
            _take_back(connection, board, name)
        raise


def _take_back(connection: Connection, board: Board, name: str) -> None:
    if board.current != name:
        step = "back" if board.current else "drop"
        connection.run("Switching back", step, base=board.base)
    restore(connection, board)


def roll_back(connection: Connection) -> dict[str, Any]:
    """Exchange the current release and the one before it.

    Raises:
        EdgeyoloError: when there is none.
    """
    board = examine(connection)
    if not (board.current and board.previous) or board.current == board.previous:
        raise EdgeyoloError(
            f"{connection.host} has no release to go back to.", "Deploy a bundle instead."
        )
    with _locked(connection, board):
        connection.run("Switching back", "back", base=board.base)
        restarted = board.has_service and board.may_be_root
        if restarted:
            start(connection, board)
    return {
        "host": connection.host,
        "release": board.previous,
        "folder": f"{board.base}/releases/{board.previous}",
        "previous": board.current,
        "restarted": restarted,
    }
