"""Training on several devices: a process for each, which share every batch.

ultralytics starts such processes with a script that it writes; ours get their job as it is.
"""

from __future__ import annotations

import os
import socket
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from threading import Thread
from typing import TYPE_CHECKING, Any, Literal

from edgeyolo.errors import EdgeyoloError, ExitCode
from edgeyolo.jobs.child import told_of
from edgeyolo.jobs.events import EventLog, Silent
from edgeyolo.jobs.names import LOG
from edgeyolo.train.outcomes import OutOfMemoryError, StopRequestedError
from edgeyolo.train.work import Task, train_here
from edgeyolo.workshop import open_workshop

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue

_HOST = "127.0.0.1"
_GRACE_S = 3.0  # for the others to say how they ended
_LOOK_S = 1.0
_MOST = 500  # letters of a message, so that it goes through a pipe at once


@dataclass(frozen=True, slots=True)
class Ending:
    """How a process ended that did not come to its end."""

    why: Literal["stopped", "memory", "failed"]
    message: str = ""
    hint: str = ""
    exit_code: int = int(ExitCode.FAILED)


def train_on(devices: Sequence[str], task: Task) -> None:
    """Train in a process for each device, to the end; they end with this one.

    Raises:
        StopRequestedError: when it was asked to stop.
        OutOfMemoryError: when one of them had not enough memory.
        EdgeyoloError: when one failed.
    """
    from torch.multiprocessing.spawn import ProcessException, spawn

    said: SimpleQueue[Ending] = get_context("spawn").SimpleQueue()
    ranks = spawn(  # type: ignore[no-untyped-call]
        _rank, (devices, _free_port(), task, said), len(devices), join=False
    )
    try:
        while not ranks.join(grace_period=_GRACE_S):
            pass
    except ProcessException as error:
        endings = []
        while not said.empty():
            endings.append(said.get())
        raise _error_of(endings, task) from error


def _error_of(endings: Sequence[Ending], task: Task) -> Exception:
    """What ended them all. The others lose their peer then and fail as well."""
    reasons = {ending.why for ending in endings}
    if "stopped" in reasons:
        return StopRequestedError()
    if "memory" in reasons:
        return OutOfMemoryError()
    for first in endings:
        return EdgeyoloError.with_code(first.exit_code, first.message, first.hint)
    return EdgeyoloError(
        "The process of a device ended without a word.",
        f"The whole story is in {task.folder / LOG}.",
    )


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((_HOST, 0))
        port: int = free.getsockname()[1]
        return port


def _rank(
    rank: int, devices: Sequence[str], port: int, task: Task, said: SimpleQueue[Ending]
) -> None:
    """The work of one process, which says why where it does not come to its end."""
    Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    try:
        _train(rank, devices, port, task)
    except StopRequestedError:
        said.put(Ending("stopped"))
    except OutOfMemoryError:
        said.put(Ending("memory"))
    except Exception as error:  # the edge of this process
        traceback.print_exc()
        told = told_of(error, task.folder)
        said.put(Ending("failed", told.message[:_MOST], told.hint[:_MOST], int(told.exit_code)))
    else:
        return
    sys.stderr.flush()
    os._exit(ExitCode.FAILED)  # a process that waits for its peers does not end by itself


def _end_with(parent: int) -> None:
    """A signal does not reach one that waits for its peers on a GPU."""
    while os.getppid() == parent:
        time.sleep(_LOOK_S)
    os._exit(ExitCode.FAILED)


def _train(rank: int, devices: Sequence[str], port: int, task: Task) -> None:
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
    train_here(task, EventLog(task.folder) if rank == 0 else Silent(), devices)
    with suppress(RuntimeError):  # the training is saved by now
        distributed.destroy_process_group()


def _let_cpus_share() -> None:
    """ultralytics names a GPU when it wraps the net, which torch refuses for one on a CPU."""
    from torch import nn

    class OnCpu(nn.parallel.DistributedDataParallel):
        def __init__(self, net: nn.Module, device_ids: Any = None, **more: Any) -> None:
            super().__init__(net, **more)

    nn.parallel.DistributedDataParallel = OnCpu  # type: ignore[misc, assignment]
