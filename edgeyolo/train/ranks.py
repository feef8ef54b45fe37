"""Training on several devices: a process for each, which share every batch.

ultralytics starts such processes with a script that it writes; ours get their job as it is.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence
from typing import Any

from edgeyolo.errors import EdgeyoloError, ExitCode
from edgeyolo.jobs.events import EventLog, Silent
from edgeyolo.jobs.names import LOG
from edgeyolo.train.outcomes import OutOfMemoryError, StopRequestedError
from edgeyolo.train.work import Task, train_here
from edgeyolo.workshop import open_workshop

_NO_MEMORY = 75  # exit code among these processes
_HOST = "127.0.0.1"


def train_on(devices: Sequence[str], task: Task) -> None:
    """Train in a process for each device, to the end; they end with this one.

    Raises:
        StopRequestedError: when it was asked to stop.
        OutOfMemoryError: when one of them had not enough memory.
        EdgeyoloError: when one failed.
    """
    from torch.multiprocessing.spawn import ProcessException, spawn

    ranks = spawn(  # type: ignore[no-untyped-call]
        _rank, (devices, _free_port(), task), len(devices), join=False
    )
    try:
        while not ranks.join():
            pass
    except ProcessException as error:
        # The others lose their peer then and fail as well, perhaps sooner seen than the first.
        codes = {process.exitcode for process in ranks.processes}
        if int(ExitCode.STOPPED) in codes:
            raise StopRequestedError from error
        if _NO_MEMORY in codes:
            raise OutOfMemoryError from error
        said = str(error).strip().splitlines() or ["no message"]
        raise EdgeyoloError(
            f"The process of a device failed ({said[-1][:300]}).",
            f"The whole story is in {task.folder / LOG}.",
        ) from error


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((_HOST, 0))
        port: int = free.getsockname()[1]
        return port


def _rank(rank: int, devices: Sequence[str], port: int, task: Task) -> None:
    """The work of one process."""
    os.environ.update(  # ultralytics reads them when it is imported
        {
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(len(devices)),
            "MASTER_ADDR": _HOST,
            "MASTER_PORT": str(port),
        }
    )
    open_workshop()
    from torch import distributed

    if devices[0] == "cpu":
        _let_cpus_share()
    try:
        train_here(task, EventLog(task.folder) if rank == 0 else Silent(), devices)
    except StopRequestedError:
        sys.exit(ExitCode.STOPPED)
    except OutOfMemoryError:
        sys.exit(_NO_MEMORY)
    distributed.destroy_process_group()


def _let_cpus_share() -> None:
    """ultralytics names a GPU when it wraps the net, which torch refuses for one on a CPU."""
    from torch import nn

    class OnCpu(nn.parallel.DistributedDataParallel):
        def __init__(self, net: nn.Module, device_ids: Any = None, **more: Any) -> None:
            super().__init__(net, **more)

    nn.parallel.DistributedDataParallel = OnCpu  # type: ignore[misc, assignment]
