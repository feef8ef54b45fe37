"""Which board this is, and whether a camera is on its own connector."""

from __future__ import annotations

import re
from pathlib import Path

MODEL = Path("/proc/device-tree/model")
VIDEO_NODES = Path("/sys/class/video4linux")

# Receivers of a CSI sensor: Raspberry Pi up to 4, Raspberry Pi 5, Jetson. The kernel makes their
# nodes only when it has found a sensor.
_RECEIVERS = ("unicam", "rp1-cfe", "vi-output")
_JETSON = re.compile(r"nvidia|jetson|\borin\b|\bxavier\b", re.IGNORECASE)


def board_model() -> str:
    """As the firmware tells it, ``Raspberry Pi 5 Model B Rev 1.0``; empty where it does not."""
    try:
        return MODEL.read_text(encoding="utf-8", errors="replace").strip("\0\n ")
    except OSError:
        return ""


def is_raspberry_pi(model: str) -> bool:
    """Any of them, compute modules too."""
    return model.startswith("Raspberry Pi")


def is_jetson(model: str) -> bool:
    """``NVIDIA Jetson Nano Developer Kit`` and its like."""
    return bool(_JETSON.search(model))


def has_csi_sensor() -> bool:
    """Whether the kernel found a camera that is not on USB."""
    return any(_name(node).startswith(_RECEIVERS) for node in VIDEO_NODES.glob("video*"))


def _name(node: Path) -> str:
    try:
        return (node / "name").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
