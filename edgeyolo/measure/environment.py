"""The machine that a measurement was taken on."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import psutil

from edgeyolo.device.engine import available_cores
from edgeyolo.device.model import board_model
from edgeyolo.versions import installed

_PACKAGES = ("numpy", "opencv-python", "opencv-python-headless", "onnxruntime", "ncnn", "openvino")


def environment() -> dict[str, Any]:
    """Board or CPU, cores, memory, system, load and the versions that matter for speed."""
    return {
        "machine": machine_name(),
        "cores": available_cores(),
        "memory_mb": psutil.virtual_memory().total >> 20,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "load_1min": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "versions": installed(_PACKAGES),
    }


def machine_name() -> str:
    """Model of the board, as the firmware tells it, or of the processor."""
    if board := board_model():
        return board
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
