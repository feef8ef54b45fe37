"""Python, the machine and the folders that are written to."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

import psutil

from edgeyolo import __version__
from edgeyolo.device.engine import available_cores
from edgeyolo.doctor.findings import Finding
from edgeyolo.measure.environment import machine_name

_OLDEST, _NEWEST = (3, 10), (3, 13)  # as in pyproject.toml
_LITTLE_MEMORY = 512e6
_LITTLE_DISK = 1e9


def check_python() -> list[Finding]:
    """The interpreter, and where edgeyolo is."""
    here = Finding("edgeyolo", "ok", f"{__version__} in {Path(__file__).parents[1]}")
    return [check_interpreter(sys.version_info[:3], 64 if sys.maxsize > 2**32 else 32), here]


def check_interpreter(running: tuple[int, ...], bits: int) -> Finding:
    """Whether there are wheels for it."""
    detail = f"{'.'.join(map(str, running))}, {bits}-bit, {sys.executable}"
    if not _OLDEST <= running[:2] <= _NEWEST:
        span = " to ".join(".".join(map(str, version)) for version in (_OLDEST, _NEWEST))
        todo = f"Make a virtual environment with Python {span}."
        return Finding("Python", "problem", detail, todo)
    if bits != 64:
        detail = f"{detail}; the engines have no wheels for {bits} bits"
        return Finding("Python", "problem", detail, "Install the 64-bit system on the board.")
    return Finding("Python", "ok", detail)


def check_machine() -> list[Finding]:
    """Board or processor, system, cores and memory."""
    system = f"{_distribution()}, {platform.system()} {platform.release()} {platform.machine()}"
    memory = psutil.virtual_memory()
    return [
        Finding("machine", "ok", machine_name()),
        Finding("system", "ok", system),
        check_cores(available_cores(), os.cpu_count() or 1),
        check_memory(memory.total, memory.available),
    ]


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.platform(terse=True)


def check_cores(available: int, present: int) -> Finding:
    """Whether this process gets all of them."""
    detail = f"{available} of {present} available"
    if available == present:
        return Finding("cores", "ok", detail)
    todo = "Something keeps this process off the rest, such as taskset or a container."
    return Finding("cores", "note", detail, todo)


def check_memory(total: int, free: int) -> Finding:
    """Whether there is room for a net; in bytes."""
    detail = f"{_gigabytes(free)} free of {_gigabytes(total)}"
    if free >= _LITTLE_MEMORY:
        return Finding("memory", "ok", detail)
    return Finding("memory", "note", detail, "Close other programs before you export or train.")


def check_folders(working: Path, cache: Path) -> list[Finding]:
    """Whether runs and downloads can be written."""
    return [
        check_folder("working folder", working, "Go to a folder that you may write."),
        check_folder(
            "cache folder", cache, "Name one that you may write: export EDGEYOLO_CACHE_DIR=DIR"
        ),
    ]


def check_folder(name: str, folder: Path, remedy: str) -> Finding:
    """Whether it can be written, or made where it is not there yet."""
    try:
        folder = folder.resolve()
        existing = next((path for path in (folder, *folder.parents) if path.exists()), folder)
        with tempfile.TemporaryFile(dir=existing):  # permissions do not tell of a read-only disk
            free = shutil.disk_usage(existing).free
    except OSError as error:
        reason = (error.strerror or "error").lower()
        return Finding(name, "problem", f"{folder} cannot be written: {reason}", remedy)
    detail = f"{folder}, {_gigabytes(free)} free"
    if free >= _LITTLE_DISK:
        return Finding(name, "ok", detail)
    return Finding(name, "note", detail, "Free some space: runs and data sets take more.")


def _gigabytes(count: float) -> str:
    return f"{count / 1e9:.1f} GB"
