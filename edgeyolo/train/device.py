"""Where to train."""

from __future__ import annotations

import gc
import os
from typing import Any

from edgeyolo.device.engine import available_cores
from edgeyolo.errors import UsageError


def available_threads() -> int:
    """Threads to compute with: ``OMP_NUM_THREADS`` where it is set, else one for each core."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdecimal() and int(asked):
        return int(asked)
    return available_cores()


def choose_device(device: str) -> str:
    """ultralytics' name of a device; ``auto`` takes the first GPU that works.

    Raises:
        UsageError: when the device asked for is not there.
    """
    if device == "cpu":
        return device
    import torch

    if device == "auto":
        return "0" if torch.cuda.is_available() else "cpu"
    number = device.removeprefix("cuda:")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if number.isdecimal() and int(number) < count:
        return number
    raise UsageError(
        f"There is no device {device!r}.",
        f"Use auto, cpu{''.join(f', cuda:{index}' for index in range(count))}.",
    )


def gpu_memory(device: str) -> dict[str, Any]:
    """Name, and free and whole memory in MB of 2^20 bytes, of a device as ultralytics names it."""
    if not device.isdecimal():
        return {}
    import torch

    free, total = torch.cuda.mem_get_info(int(device))
    name = torch.cuda.get_device_name(int(device))
    return {"gpu": name, "free_mb": free >> 20, "total_mb": total >> 20}


def free_memory() -> None:
    """Give back what tensors held that are gone."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
