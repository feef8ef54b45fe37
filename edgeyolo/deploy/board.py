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
    free_bytes: int | None  # where df knows
    pythons: tuple[BoardPython, ...]
    managed: tuple[BoardPython, ...]  # by uv, for earlier releases
    has_uv: bool  # that an earlier deploy brought
    current: str
    previous: str
    releases: tuple[str, ...]  # that are whole
    units: tuple[str, ...]  # releases with one of their own
    has_systemd: bool
    has_service: bool
    serves: str  # the release that the service runs
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
    if not answer.value("base"):
        raise EdgeyoloError(
            f"{connection.host} does not say what it is.",
            f"Look at what comes of: ssh {connection.there} uname -a",
        )
    pythons = tuple(map(_python, answer.values("python")))
    glibc = _version(answer.value("glibc"))
    _check_kind(connection.host, answer, pythons)
    if glibc is None:
        raise EdgeyoloError(
            f"{connection.host} has no glibc, and no engine has packages for anything else.",
            "Install a system that has it, such as Raspberry Pi OS or Debian.",
        )
    free = answer.value("free_kb")
    return Board(
        machine=MACHINES[answer.value("machine").lower()],
        glibc=glibc,
        base=answer.value("base"),
        free_bytes=1024 * int(free) if free.isdecimal() else None,
        pythons=pythons,
        managed=tuple(map(_python, answer.values("managed"))),
        has_uv=bool(answer.value("uv")),
        current=answer.value("current"),
        previous=answer.value("previous"),
        releases=tuple(answer.values("release")),
        units=tuple(answer.values("unit")),
        has_systemd=bool(answer.value("systemd")),
        has_service=bool(answer.value("service")),
        serves=answer.value("serves"),
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
