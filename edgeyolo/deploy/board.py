"""What the board is, as it says itself."""

from __future__ import annotations

from dataclasses import dataclass

from edgeyolo.deploy.connection import Answer, Connection
from edgeyolo.errors import EdgeyoloError

OLDEST, NEWEST = (3, 10), (3, 13)
MACHINES = {"aarch64": "aarch64", "arm64": "aarch64", "x86_64": "x86_64", "amd64": "x86_64"}


@dataclass(frozen=True, slots=True)
class BoardPython:
    """An interpreter on the board."""

    program: str
    version: tuple[int, int]
    bits: int
    has_picamera2: bool
    numpy: str | None  # version, where the system has it

    @property
    def fits(self) -> bool:
        """edgeyolo runs on it."""
        return OLDEST <= self.version <= NEWEST and self.bits == 64


@dataclass(frozen=True, slots=True)
class Board:
    """Everything that a deploy depends on."""

    machine: str  # aarch64 or x86_64
    glibc: tuple[int, int]
    base: str  # the folder of all releases
    free_bytes: int
    pythons: tuple[BoardPython, ...]
    uv: str
    current: str
    previous: str
    releases: tuple[str, ...]  # that are whole
    has_service: bool
    may_be_root: bool

    @property
    def python(self) -> BoardPython | None:
        """The system's own if it fits, since only that one sees picamera2; else any."""
        return next((python for python in self.pythons if python.fits), None)


def examine(connection: Connection) -> Board:
    """Ask the board.

    Raises:
        EdgeyoloError: when edgeyolo cannot run there.
    """
    answer = connection.run("Looking around", "probe")
    pythons = tuple(map(_python, answer.values("python")))
    _check_kind(connection.host, answer, pythons)
    return Board(
        machine=MACHINES[answer.value("machine").lower()],
        glibc=_version(answer.value("glibc")) or (2, 17),
        base=answer.value("base"),
        free_bytes=1024 * int(answer.value("free_kb") or 0),
        pythons=pythons,
        uv=answer.value("uv"),
        current=answer.value("current"),
        previous=answer.value("previous"),
        releases=tuple(answer.values("release")),
        has_service=bool(answer.value("service")),
        may_be_root=bool(answer.value("root")),
    )


def _check_kind(host: str, answer: Answer, pythons: tuple[BoardPython, ...]) -> None:
    system, machine = answer.value("system"), answer.value("machine").lower()
    if system != "Linux":
        raise EdgeyoloError(
            f"{host} runs {system or 'an unknown system'}, not Linux.", "Name a board with Linux."
        )
    if machine.startswith("arm") and machine not in MACHINES:
        raise EdgeyoloError(_NARROW.format(host, machine), _WIDE)
    if machine not in MACHINES:
        raise EdgeyoloError(
            f"{host} is a {machine}, for which no engine has packages.",
            "There are some for aarch64 and x86_64.",
        )
    # A 64-bit kernel with 32-bit programs is how an older Raspberry Pi OS runs on a Pi 4 or 5.
    if answer.value("bits") == "32" or (pythons and all(python.bits == 32 for python in pythons)):
        raise EdgeyoloError(_NARROW.format(host, f"{machine} kernel with 32-bit programs"), _WIDE)


_NARROW = "{} is a 32-bit system ({}), for which no engine has packages."
_WIDE = "Install the 64-bit Raspberry Pi OS on it."


def _python(text: str) -> BoardPython:
    program, version, bits, camera, numpy = text.rsplit("|", 4)
    return BoardPython(
        program,
        _version(version) or (0, 0),
        int(bits),
        camera == "True",
        None if numpy == "-" else numpy,
    )


def _version(text: str) -> tuple[int, int] | None:
    try:
        major, minor = text.split(".")[:2]
        return int(major), int(minor)
    except ValueError:
        return None
