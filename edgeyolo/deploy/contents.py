"""What a release is made of, and the name that follows from it."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

from edgeyolo.deploy.board import Board, BoardPython
from edgeyolo.deploy.wheel import checked_wheel, own_wheel
from edgeyolo.deploy.wheelhouse import board_pip, fill, uv_program
from edgeyolo.device.bundle import MANIFEST, Bundle
from edgeyolo.errors import EdgeyoloError
from edgeyolo.files import sha256

_MANAGED = ">=3.10,<3.14"  # what uv finds or gets where the board has no Python that fits
# What the packages take once installed, in MB: OpenCV and numpy, and the engine.
_BASE_MB, _ENGINE_MB = 300, {"openvino": 250, "onnxruntime": 90, "ncnn": 30}
_PYTHON_MB = 120


@dataclass(frozen=True, slots=True)
class Environment:
    """How the release's environment is made on the board."""

    python: str  # a program there, or what uv is asked for
    version: tuple[int, int] | None  # of the program
    sees_system: bool  # for picamera2, which only the system has
    constraints: tuple[str, ...]
    offline: bool

    @property
    def by_uv(self) -> bool:
        """The board has no Python that fits."""
        return self.version is None

    def __str__(self) -> str:
        """For the plan."""
        if self.version is None:
            return f"Python {self.python}, managed by uv"
        by = f"Python {self.version[0]}.{self.version[1]} ({self.python})"
        return f"{by}, with picamera2 of the system" if self.sees_system else by


def environment_for(host: str, board: Board, *, offline: bool) -> Environment:
    """The board's own Python, else one of uv's.

    Raises:
        EdgeyoloError: when there is neither, nor a network to get it from.
    """
    own = board.python
    if own is None and offline:  # what uv brought before serves again
        own = next((python for python in board.managed if python.fits), None)
    if own is not None:
        return Environment(own.program, own.version, own.has_picamera2, _constraints(own), offline)
    if offline:
        found = ", ".join("{}.{}".format(*python.version) for python in board.pythons)
        raise EdgeyoloError(
            f"{host} has no Python 3.10 to 3.13 ({found or 'none at all'}), and with --wheelhouse "
            "none is fetched.",
            "Deploy once without it while the board has a network: that Python stays.",
        )
    return Environment(_MANAGED, None, False, (), offline)


def _constraints(python: BoardPython) -> tuple[str, ...]:
    """picamera2's friends are compiled for the system's numpy, and die with a later major one."""
    if not python.has_picamera2 or python.numpy is None:
        return ()
    return (f"numpy<{int(python.numpy.split('.')[0]) + 1}",)


@dataclass(frozen=True, slots=True)
class Contents:
    """Files of a release, under their names in its folder."""

    name: str
    files: dict[str, Path]
    requirement: str  # of the wheel with its extras, relative to the folder

    @property
    def size_bytes(self) -> int:
        """All that is sent."""
        return sum(
            file.stat().st_size
            for path in self.files.values()
            for file in ([path] if path.is_file() else path.rglob("*"))
            if file.is_file()
        )


def gather(
    bundle: Bundle, engine: str, wheel: Path | None, environment: Environment, work: Path
) -> Contents:
    """Put together what is sent, in an empty folder.

    Raises:
        EdgeyoloError: when the wheel cannot be made.
        UsageError: when the named one is none.
    """
    own = checked_wheel(wheel) if wheel else own_wheel(work / "wheel")
    extras = ",".join(name for name in (engine, "headless") if name != "null")
    constraints = work / "constraints.txt"
    constraints.write_text("".join(f"{line}\n" for line in environment.constraints))
    files = {f"bundle/{name}": bundle.root / name for name in _names(bundle)}
    files |= {f"wheels/{own.name}": own, "constraints.txt": constraints}
    name = _name(own, bundle, engine, environment)
    return Contents(name, files, f"wheels/{own.name}[{extras}]")


def add_installers(
    contents: Contents, board: Board, environment: Environment, work: Path
) -> Contents:
    """The same with all that the installation needs; only for a release that is not there yet."""
    files = dict(contents.files)
    if environment.version is None:
        return Contents(
            contents.name,
            files | ({} if board.has_uv else {"uv/uv": uv_program(work, board)}),
            contents.requirement,
        )
    pip = board_pip(work, board, environment.version)
    files[f"pip/{pip.name}"] = pip
    if environment.offline:
        file, _, extras = contents.requirement.partition("[")
        requirement = f"edgeyolo[{extras} @ {contents.files[file].absolute().as_uri()}"
        house = work / "house"
        fill(house, board, environment.version, requirement, contents.files["constraints.txt"])
        files |= {f"wheels/{path.name}": path for path in house.iterdir()}
    return Contents(contents.name, files, contents.requirement)


def needed_bytes(contents: Contents, engine: str, environment: Environment) -> int:
    """About what the release takes on the board."""
    installed = _BASE_MB + _ENGINE_MB.get(engine, 0) + _PYTHON_MB * environment.by_uv
    return contents.size_bytes + installed * 2**20


def _names(bundle: Bundle) -> list[str]:
    """The files that the manifest lists, and no other that lies beside them."""
    used = {name for files in bundle.engines.values() for name in files.values()}
    return [MANIFEST, *sorted(used)]


def _name(wheel: Path, bundle: Bundle, engine: str, environment: Environment) -> str:
    digest = hashlib.sha256()
    with zipfile.ZipFile(wheel) as archive:  # not the file itself, which holds dates
        for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
            digest.update(f"{entry.filename} {entry.CRC}\n".encode())
    manifest = sha256(bundle.root / MANIFEST)
    digest.update(f"{manifest} {engine} {environment}\n".encode())
    digest.update("\n".join(environment.constraints).encode())
    return digest.hexdigest()[:16]
