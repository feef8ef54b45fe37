"""The machine that edgeyolo runs on, described as a board is."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

from edgeyolo.device.engine import ENGINES, available_cores
from edgeyolo.measure.environment import machine_name
from edgeyolo.profiles import (
    Cache,
    Clock,
    Cores,
    DeviceProfile,
    Engine,
    FlopPerCycle,
    Isa,
    Memory,
    Source,
    Span,
    Sureness,
    System,
    load_profile,
    profile_names,
)
from edgeyolo.timing import Like, Timing
from edgeyolo.versions import installed

NAME = "host"
_CPU0 = Path("/sys/devices/system/cpu/cpu0")
_CPUINFO = Path("/proc/cpuinfo")
# float32 operations that a core can do in a cycle, by the widest instructions that it has; a fused
# multiply-add counts as two.
_WIDTHS = (("avx512f", 64.0), ("fma", 32.0), ("avx", 16.0), ("asimdhp", 16.0))
_LEAST = 8.0
# Where nothing was measured here yet, all that is known is a board of about this kind.
_LIKE = "raspberry-pi-5"
_UNKNOWN = 80.0  # %: predictions are worth little before a bench


def profile_of(name: str) -> DeviceProfile:
    """The profile of a board, or of this machine.

    Raises:
        UsageError: when there is none of that name.
        ConfigError: when its file is not as it should be.
    """
    is_here = name == NAME and NAME not in profile_names()
    return host_profile() if is_here else load_profile(name)


def host_profile(cpu: Path = _CPU0, cpuinfo: Path = _CPUINFO) -> DeviceProfile:
    """What this machine says of itself."""
    flags, cores = _flags(cpuinfo), available_cores()
    here = Source(Sureness.STATED, f"{Sureness.STATED.value} this machine")
    guess = Source(Sureness.UNCHECKED, f"{Sureness.UNCHECKED.value}; from its instructions")
    versions = installed(ENGINES)
    return DeviceProfile(
        name=NAME,
        title=machine_name(),
        soc=platform.machine(),
        cores=Cores(cores, machine_name()),
        clocks={"as it is": Clock(_megahertz(cpu))},
        isa=Isa(
            fp16=bool(flags & {"asimdhp", "avx512_fp16"}),
            dotprod=bool(flags & {"asimddp", "avx512_vnni", "avx_vnni"}),
            i8mm="i8mm" in flags,
        ),
        flop_per_cycle=FlopPerCycle(Span(*[_width(flags)] * 2)),
        caches=dict(_caches(cpu)) or {"L2": Cache(1024, "core")},
        memory=Memory((psutil.virtual_memory().total >> 20,), "unknown", None),
        systems={
            platform.platform(): System(
                ".".join(map(str, sys.version_info[:2])),
                {name: version for name, version in versions.items() if version},
            )
        },
        engines={name: Engine(available=bool(versions.get(name))) for name in ENGINES},
        cameras={},
        thermals=(),
        sources={key: guess if key == "flop_per_cycle" else here for key in _SOURCES},
        latency={name: dict(_timings(name)) for name in ENGINES if versions.get(name)},
    )


_SOURCES = (
    *("soc", "cores", "clocks", "isa", "flop_per_cycle", "caches", "memory", "systems"),
    "engines",
)


def _timings(engine: str) -> Iterator[tuple[str, Timing]]:
    for precision in ("fp32", "int8"):
        source = f"not measured here yet: {_LIKE} {engine} {precision}; run edgeyolo bench, then "
        yield (
            precision,
            Timing(
                source=f"{source}edgeyolo profiles calibrate {NAME}",
                error_percent=_UNKNOWN,
                like=Like(_LIKE, engine, precision),
            ),
        )


def _flags(cpuinfo: Path) -> set[str]:
    """Instructions, as the kernel names them."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    words = (line.partition(":")[2] for line in lines if line.startswith(("flags", "Features")))
    return set(next(words, "").split())


def _width(flags: set[str]) -> float:
    return next((width for flag, width in _WIDTHS if flag in flags), _LEAST)


def _megahertz(cpu: Path) -> int:
    try:
        return round(int((cpu / "cpufreq" / "cpuinfo_max_freq").read_text()) / 1000)
    except (OSError, ValueError):
        clock = psutil.cpu_freq() if hasattr(psutil, "cpu_freq") else None
        return round(clock.max or clock.current) if clock else 1000


def _caches(cpu: Path) -> Iterator[tuple[str, Cache]]:
    for folder in sorted((cpu / "cache").glob("index*")):
        try:
            level, kind, size, shared = (
                (folder / name).read_text().strip()
                for name in ("level", "type", "size", "shared_cpu_list")
            )
            name = f"L{level}{kind[0].lower() if kind != 'Unified' else ''}"
            # Two hyper-threads of a core, or two cores of a pair, share what is theirs.
            is_own = int(level) < 3 and len(shared.replace("-", ",").split(",")) <= 2
            yield name, Cache(int(size.removesuffix("K")), "core" if is_own else "chip")
        except (OSError, ValueError):
            continue
