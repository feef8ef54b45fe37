"""Packages for the board's platform, fetched here, for boards without a network."""

from __future__ import annotations

import subprocess
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgeyolo.deploy.board import Board
from edgeyolo.deploy.wheel import find_uv, pip_command, pip_wheel, wheel_version
from edgeyolo.errors import EdgeyoloError, ExitCode

# Python 3.12 lost what pip used until then.
_NEEDS_NEW_PIP, _NEW_PIP = (3, 12), (23, 2)
_OLDEST_GLIBC = 5  # the first minor version of 2 that a tag names
# Of uv, which resolves for another platform: pip reads the conditions of packages as if here.
_RESOLVED = (17, 28, *range(31, 41))


def fill(
    folder: Path, board: Board, version: tuple[int, int], requirement: str, constraints: Path
) -> None:
    """Fetch what a wheel with its extras needs on the board into the folder.

    Raises:
        EdgeyoloError: when uv is not here, or something cannot be fetched for the board.
    """
    pins = folder.with_name("pins.txt")
    pins.write_text(_resolved(board, version, requirement, constraints), encoding="utf-8")
    fetch(folder, board, version, ("--requirement", str(pins)))


def fetch(folder: Path, board: Board, version: tuple[int, int], what: Sequence[str]) -> None:
    """``pip download`` of exactly these, as wheels for the board."""
    folder.mkdir(parents=True, exist_ok=True)
    python = "{}{}".format(*version)
    command = [*pip_command(folder.with_name("own-pip")), "download", "--quiet", "--no-deps"]
    command += ["--disable-pip-version-check", "--only-binary=:all:", "--dest", str(folder)]
    command += ["--implementation", "cp", "--python-version", python]
    command += [f"--abi={abi}" for abi in (f"cp{python}", "abi3", "none")]
    command += [f"--platform={tag}" for tag in _platforms(board)]
    _run([*command, *what], "Fetching packages for the board")


def board_pip(folder: Path, board: Board, version: tuple[int, int]) -> Path:
    """pip as a wheel that runs on the board's Python; the one here may be of an older age.

    Raises:
        EdgeyoloError: when a newer one is needed and cannot be fetched.
    """
    own = pip_wheel(folder / "pip")
    if version < _NEEDS_NEW_PIP or wheel_version(own) >= _NEW_PIP:
        return own
    fetch(folder / "new-pip", board, version, ("pip",))
    return next((folder / "new-pip").glob("pip-*.whl"))


def uv_program(folder: Path, board: Board) -> Path:
    """uv for the board."""
    wheels = folder / "uv-wheel"
    fetch(wheels, board, (3, 12), ("uv",))
    with zipfile.ZipFile(next(wheels.glob("uv-*.whl"))) as archive:
        name = next(name for name in archive.namelist() if name.endswith("/scripts/uv"))
        target = folder / "uv"
        target.write_bytes(archive.read(name))
    return target


def _platforms(board: Board) -> Iterator[str]:
    """Tags of wheels that run there, the newest first; pip takes no newer for older."""
    minor = board.glibc[1]
    for version in range(minor, _OLDEST_GLIBC - 1, -1):
        yield f"manylinux_2_{version}_{board.machine}"
    yield from (f"manylinux2014_{board.machine}", f"linux_{board.machine}")


def _resolved(board: Board, version: tuple[int, int], requirement: str, constraints: Path) -> str:
    uv = find_uv()
    if uv is None:
        hint = "Install it with: python3 -m pip install uv"
        code = ExitCode.MISSING_DEPENDENCY
        raise EdgeyoloError.with_code(code, "This needs uv, which is not installed.", hint)
    minor = max((known for known in _RESOLVED if known <= board.glibc[1]), default=_RESOLVED[0])
    command = [uv, "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
    command += ["--only-binary=:all:", "--no-emit-package", "edgeyolo"]
    command += ["--python-version", "{}.{}".format(*version)]
    command += ["--python-platform", f"{board.machine}-manylinux_2_{minor}"]
    command += ["--constraint", str(constraints), "-"]
    # Elsewhere than here, where a project may have settings of its own.
    return _run(command, "Choosing packages for the board", requirement, constraints.parent)


def _run(command: Sequence[str], what: str, text: str = "", cwd: Path | None = None) -> str:
    done = subprocess.run(command, input=text, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise EdgeyoloError(
            f"{what} failed: {(lines or ['no reason given'])[-1]}",
            "Check the network here, and whether the engine has wheels for the board.",
        )
    return done.stdout
