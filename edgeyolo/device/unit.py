"""A systemd unit for a command, with no more rights than it needs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from edgeyolo.errors import ExitCode, UsageError

Camera = Literal["none", "v4l2", "csi", "nvargus"]

# Longer than a camera is given at most: 30 s between two attempts to open it, 10 s for each, twice.
WATCHDOG_S = 90
_RESTART_S = 5
SECRETS = "/etc/edgeyolo.env"
_GROUP = "SupplementaryGroups=video"
_STOP_S = 10  # the end of a long video is written

_HOMES = tuple(map(Path, ("/home", "/root", "/run/user")))
_TEMPORARY = tuple(map(Path, ("/tmp", "/var/tmp")))
_COMPILES = ("openvino",)  # writes machine code at run time, and dies where that is forbidden
_PLAIN = re.compile(r"[A-Za-z0-9_./:=@,+-]+")


@dataclass(frozen=True, slots=True)
class Service:
    """A command as it shall run at boot. Paths are absolute; folders in ``writes`` exist."""

    command: tuple[str, ...]
    folder: Path
    user: str
    engine: str
    camera: Camera
    uses_network: bool
    reads: tuple[Path, ...]  # all that the command needs to see
    writes: tuple[Path, ...]
    ends: bool = False  # by itself, when the work is done
    shows_password: bool = False  # in the address of the camera
    shows_key: bool = False  # in the path of a webhook
    binds_low_port: bool = False  # one for the system only
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        texts = (*self.command, self.user, *map(str, (self.folder, *self.reads, *self.writes)))
        for text in (*texts, *self.environment.values()):
            if not text.isprintable():
                raise UsageError(
                    f"{text!r} cannot stand in a unit.", "Use names without control characters."
                )


def unit(service: Service) -> str:
    """The text of ``edgeyolo.service``."""
    parts = (_head(service), _life(service), _sight(service), _rights(service), _INSTALL)
    return "\n".join("\n".join(part) + "\n" for part in parts)


def quoted(word: str) -> str:
    """One argument of ``ExecStart=``: systemd expands % and $ also between quotes."""
    word = word.replace("%", "%%").replace("$", "$$")
    return word if _PLAIN.fullmatch(word) else _in_quotes(word)


def _in_quotes(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _setting(text: str) -> str:
    """One of the words of a setting, where $ is nothing special."""
    text = text.replace("%", "%%")
    return text if _PLAIN.fullmatch(text) else _in_quotes(text)


def _head(service: Service) -> list[str]:
    network = ["Wants=network-online.target", "After=network-online.target"]
    return [
        "# /etc/systemd/system/edgeyolo.service",
        "# Then: systemctl daemon-reload && systemctl enable --now edgeyolo",
        "[Unit]",
        "Description=Object detection (edgeyolo)",
        *(network if service.uses_network else []),
        "# It may fail as often as it wants: a camera can be away for a week.",
        "StartLimitIntervalSec=0",
    ]


def _life(service: Service) -> list[str]:
    program, *arguments = service.command
    words = [_setting(program), *map(quoted, arguments)]
    values = sorted(service.environment.items())
    return [
        "[Service]",
        "# Ready when the detector is loaded.",
        "Type=notify",
        "NotifyAccess=main",
        *(_PASSWORD if service.shows_password else []),
        *(_KEY if service.shows_key else []),
        f"ExecStart={' '.join(words)}",
        "# The bundle is loaded anew before the next frame; in place of a bad one the old stays.",
        "ExecReload=/bin/kill -HUP $MAINPID",
        f"WorkingDirectory={str(service.folder).replace('%', '%%')}",
        *(f"Environment={_setting(f'{name}={value}')}" for name, value in values),
        "# For secrets such as EDGEYOLO_SERVE_TOKEN: everybody can read a unit.",
        f"EnvironmentFile=-{SECRETS}",
        "# A frame that went through all outputs is the only sign of life. After so long without",
        "# one, a hung driver or a camera that is away, it is ended in order and started anew.",
        f"WatchdogSec={WATCHDOG_S}",
        "WatchdogSignal=SIGTERM",
        *_restart(service),
        "KillSignal=SIGTERM",
        f"TimeoutStopSec={_STOP_S}",
        "TimeoutStartSec=120",
    ]


def _restart(service: Service) -> list[str]:
    hopeless = (ExitCode.USAGE, ExitCode.MISSING_DEPENDENCY)
    never = [
        "# Bad usage or a package that is missing: that does not become better by itself.",
        f"RestartPreventExitStatus={' '.join(str(code.value) for code in hopeless)}",
    ]
    if service.ends:
        return [
            "# The work has an end; again only after a failure.",
            "Restart=on-failure",
            f"RestartSec={_RESTART_S}",
            *never,
        ]
    return [
        "Restart=always",
        f"RestartSec={_RESTART_S}",
        *never,
        "# From systemd 254 on it can wait ever longer: RestartSteps=5, RestartMaxDelaySec=60.",
    ]


def _sight(service: Service) -> list[str]:
    """Whose eyes it has: user, folders, devices."""
    used = (*service.reads, *service.writes, service.folder)
    home = "read-only" if _any_below(used, _HOMES) else "yes"
    writes = " ".join(_setting(str(path)) for path in service.writes)
    return [
        "# A user that exists, not DynamicUser=yes: that one could not read what lies in a home,",
        "# and would not own the files that are written.",
        *(["# Better a user of its own than root."] if service.user == "root" else []),
        f"User={service.user}",
        *_devices(service.camera),
        "# Everything is read-only but the folders of the outputs.",
        "ProtectSystem=strict",
        f"ProtectHome={home}",
        *([f"ReadWritePaths={writes}"] if writes else []),
        *_temporary(used),
    ]


def _temporary(used: Iterable[Path]) -> list[str]:
    if _any_below(used, _TEMPORARY):
        return ["# A path above lies there, which a private one would hide.", "PrivateTmp=no"]
    return ["PrivateTmp=yes"]


def _devices(camera: Camera) -> list[str]:
    if camera == "none":
        return ["PrivateDevices=yes"]
    if camera == "nvargus":
        return ["# Any device: those of a Jetson's camera have no common name.", _GROUP]
    more = ("char-media", "char-dma_heap") if camera == "csi" else ()
    return [
        _GROUP,
        "DevicePolicy=closed",
        *(f"DeviceAllow={kind} rw" for kind in ("char-video4linux", *more)),
    ]


def _rights(service: Service) -> list[str]:
    families = ["AF_UNIX", *(["AF_INET", "AF_INET6"] if service.uses_network else [])]
    # Names are looked up and cameras are found by asking the kernel over netlink.
    asks = ["AF_NETLINK"] if service.uses_network or service.camera != "none" else []
    right = "CAP_NET_BIND_SERVICE" if service.binds_low_port else ""
    rights = [f"CapabilityBoundingSet={right}", f"AmbientCapabilities={right}"]
    return [
        *rights,
        *_NEVER,
        f"RestrictAddressFamilies={' '.join([*families, *asks])}",
        *_memory(service),
    ]


def _memory(service: Service) -> list[str]:
    if service.engine in _COMPILES:
        return [
            f"# Not MemoryDenyWriteExecute=yes: {service.engine} compiles the net when it loads it."
        ]
    if service.camera in ("csi", "nvargus"):
        return ["# Not MemoryDenyWriteExecute=yes: programs that read such a camera may compile."]
    return ["MemoryDenyWriteExecute=yes"]


def _any_below(paths: Iterable[Path], places: tuple[Path, ...]) -> bool:
    return any(path.is_relative_to(place) for path in paths for place in places)


_PASSWORD = (
    "# The password in the address can be read by everybody on this board, here and in `ps`:",
    "# use one that opens this camera only.",
)
_KEY = (
    "# The path of the webhook can be read by everybody on this board, here and in `ps`: if it is",
    "# a key, use one that may do no more than this.",
)
# ProcSubset=pid is not among them: the engines ask /proc/cpuinfo what the cores can do.
_NEVER = (
    "NoNewPrivileges=yes",
    "SystemCallFilter=@system-service",
    "SystemCallArchitectures=native",
    "SystemCallErrorNumber=EPERM",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes",
    "ProtectControlGroups=yes",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "ProtectProc=invisible",
    "LockPersonality=yes",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "RemoveIPC=yes",
)
_INSTALL = ("[Install]", "WantedBy=multi-user.target")
