"""What makes a board slow or blind: the clock, the power supply, the camera."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from edgeyolo.device.board import throttle_words
from edgeyolo.doctor.child import run
from edgeyolo.doctor.findings import Finding

_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
_SET_GOVERNOR = (
    "Before you measure:\n"
    "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
)
_CAMERAS = Path("/sys/class/video4linux")
# A Raspberry Pi names its codecs and the like video10 and up, with or without a camera.
_NOT_CAMERAS = ("bcm2835-codec", "bcm2835-isp", "pispbe", "rpivid", "rpi-hevc")
_TIMEOUT_S = 5.0
_BETTER_POWER = "Use the power supply made for the board, and a heat sink or a fan."


def check_board() -> list[Finding]:
    """All that this board can tell."""
    return [*check_governor(_GOVERNOR), *_check_power(), *_check_cameras()]


def check_governor(path: Path) -> list[Finding]:
    """How the system chooses the clock; nothing where it does not say."""
    try:
        governor = path.read_text(encoding="utf-8").strip()
    except OSError:
        return []
    if governor == "performance":
        return [Finding("clock", "ok", governor)]
    detail = f"{governor}: the clock follows the load, so that measured times vary"
    return [Finding("clock", "note", detail, _SET_GOVERNOR)]


def _check_power() -> list[Finding]:
    program = shutil.which("vcgencmd")
    if program is None:
        return []
    try:
        done = run((program, "get_throttled"), _TIMEOUT_S)
    except OSError as error:
        return [Finding("power", "note", f"vcgencmd: {error}")]
    return [read_throttled(done.stdout + done.stderr if done else "nothing")]


def read_throttled(answer: str) -> Finding:
    """Read ``throttled=0x50005``, the firmware's word on power and heat."""
    try:
        flags = int(answer.partition("=")[2], 16)
    except ValueError:
        return Finding("power", "note", f"vcgencmd answers {answer.strip()!r}")
    now, before = throttle_words(flags), throttle_words(flags >> 16)
    if now:
        return Finding("power", "problem", f"now: {', '.join(now)}", _BETTER_POWER)
    if before:
        return Finding("power", "note", f"since the start: {', '.join(before)}", _BETTER_POWER)
    return Finding("power", "ok", "never throttled since the start")


def _check_cameras() -> list[Finding]:
    return [check_cameras(_CAMERAS, Path("/dev"))] if sys.platform == "linux" else []


def check_cameras(listed: Path, devices: Path) -> Finding:
    """Cameras that V4L2 knows, and whether this user may open them."""
    cameras = {
        path.name: _name(path)
        for path in sorted(listed.glob("video*"))
        if not _name(path).startswith(_NOT_CAMERAS)
    }
    if not cameras:
        return Finding("camera", "note", "none connected (no /dev/video*)")
    names = ", ".join(dict.fromkeys(cameras.values()))  # a camera may have several nodes
    if not all(os.access(devices / node, os.R_OK | os.W_OK) for node in cameras):
        todo = "Then log in again: sudo usermod -aG video $USER"
        return Finding("camera", "problem", f"{names}: you may not open it", todo)
    return Finding("camera", "ok", f"{names} ({', '.join(cameras)})")


def _name(path: Path) -> str:
    try:
        return (path / "name").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return path.name
