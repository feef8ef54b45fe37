"""Where to train."""

from __future__ import annotations

import os

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
