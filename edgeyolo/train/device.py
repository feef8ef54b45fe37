"""Where to train."""

from __future__ import annotations

import gc
import os
from typing import Any

from edgeyolo.errors import UsageError


def available_threads() -> int:
    """Threads to compute with: ``OMP_NUM_THREADS`` where it is set, else one for each core."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdecimal() and int(asked):
        return int(asked)
    from edgeyolo.device.engine import available_cores  # with numpy, which --help needs not

    return available_cores()


def set_threads(is_cpu: bool, processes: int = 1) -> None:
    """All cores for a training on the CPU, where ultralytics leaves one idle, half of a small one.

    Beside a GPU they belong to the processes that augment images; threads of each of those, and of
    this one, would only get into their way.
    """
    import cv2
    import torch

    torch.set_num_threads(max(1, available_threads() // processes) if is_cpu else 1)
    if not is_cpu:
        cv2.setNumThreads(0)


def device_names(device: str) -> list[str]:
    """``cuda:0,1`` → ``["0", "1"]``: those that share a training, as ultralytics names them."""
    return [part.strip().lower().removeprefix("cuda:") for part in device.split(",")]


def choose_device(device: str) -> str:
    """ultralytics' name of a device, or of several; ``auto`` takes the first GPU that works.

    Raises:
        UsageError: when the device asked for is not there.
    """
    names = device_names(device)
    if set(names) == {"cpu"}:  # several are of use only where there is no GPU to try it on
        return ",".join(names)
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if names == ["auto"]:
        return "0" if count else "cpu"
    for name in names:
        if not (name.isdecimal() and int(name) < count):
            raise UsageError(
                f"There is no device {name if names[1:] else device!r}.",
                f"Use auto, cpu{''.join(f', cuda:{index}' for index in range(count))}.",
            )
    if len(set(names)) < len(names):
        raise UsageError(f"--device {device} names a GPU twice.", "Name each of them once.")
    return ",".join(str(int(name)) for name in names)


def gpu_memory(device: str) -> dict[str, Any]:
    """Name, and free and whole memory in MB of 2^20 bytes, of a device as ultralytics names it.

    Of several, those of the one that has the least to give.
    """
    indices = [int(name) for name in device_names(device) if name.isdecimal()]
    if not indices:
        return {}
    import torch

    free, total = min(torch.cuda.mem_get_info(index) for index in indices)
    count = f"{len(indices)} x " if indices[1:] else ""
    return {
        "gpu": count + torch.cuda.get_device_name(indices[0]),
        "free_mb": free >> 20,
        "total_mb": total >> 20,
    }


def free_memory() -> None:
    """Give back what tensors held that are gone."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
