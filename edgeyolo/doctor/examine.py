"""The whole examination, section by section, while the probes run beside it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from edgeyolo.doctor.child import Outcome, probe
from edgeyolo.doctor.findings import Finding, Section
from edgeyolo.doctor.remedies import remedy
from edgeyolo.locations import cache_dir

_TORCH_TIMEOUT_S = 60.0  # its import alone takes seconds, and a GPU's first use some more


def examine() -> tuple[dict[str, Any], Iterator[Section]]:
    """The environment, and the sections as they are ready.

    All else imports the base packages, numpy among them, so they are tried first and alone.
    """
    base = probe("base")
    if not base.error:
        return base.answer, _examine_all()
    todo = remedy(base.error, "numpy psutil pyyaml")
    detail = f"{base.error} (nothing else can be tried before)"
    return {}, iter([Section("Python", [Finding("base", "problem", detail, todo)])])


def _examine_all() -> Iterator[Section]:
    from edgeyolo.device.engine import ENGINES, available_cores
    from edgeyolo.doctor.board import check_board
    from edgeyolo.doctor.engines import check_any, check_engine
    from edgeyolo.doctor.gpu import check_gpu, nvidia_smi
    from edgeyolo.doctor.opencv import FLAVORS, check_opencv
    from edgeyolo.doctor.packages import check_packages
    from edgeyolo.doctor.system import check_folders, check_machine, check_python

    with ThreadPoolExecutor(available_cores()) as pool:
        torch = pool.submit(probe, "torch", _TORCH_TIMEOUT_S)  # the longest first
        tried: dict[str, Future[Outcome]] = {
            name: pool.submit(probe, name) for name in ("opencv", *ENGINES)
        }
        yield Section("Machine", [*check_machine(), *check_board()])
        yield Section("Folders", check_folders(Path(), cache_dir()))
        yield Section("Python", [*check_python(), *check_packages((*ENGINES, *FLAVORS))])
        yield Section("OpenCV", check_opencv(tried["opencv"].result()))
        engines = [check_engine(name, tried[name].result()) for name in ENGINES]
        yield Section("Engines", [*engines, *check_any(engines)])
        yield Section("GPU", check_gpu(nvidia_smi(), torch.result()))
