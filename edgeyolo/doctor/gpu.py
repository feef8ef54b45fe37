"""The GPU, as the driver sees it and as torch sees it; it matters for training only."""

from __future__ import annotations

import os
import shutil

from edgeyolo.doctor.child import Outcome, run
from edgeyolo.doctor.findings import Finding
from edgeyolo.doctor.remedies import remedy

_TIMEOUT_S = 10.0
_QUERY = ("--query-gpu=name,memory.total,driver_version", "--format=csv,noheader")
_ONE_INDEX = (
    "Install both from the same index, with the --index-url that torch came from, if any:\n"
    "python3 -m pip install --force-reinstall torch torchvision"
)


def nvidia_smi(timeout: float = _TIMEOUT_S) -> Outcome | None:
    """The driver's list of GPUs; ``None`` without the driver's program."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    try:
        done = run((program, *_QUERY), timeout)
    except OSError as error:
        return Outcome(error=str(error))
    if done is None:
        return Outcome(error=f"no answer within {timeout:g} s")
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    if done.returncode != 0:
        return Outcome(error=lines[-1] if lines else f"exit code {done.returncode}")
    return Outcome({"cards": lines})


def check_gpu(driver: Outcome | None, torch: Outcome) -> list[Finding]:
    """The driver's view, then torch's, where it is installed."""
    cards = driver.answer.get("cards", []) if driver else []
    findings = [_check_driver(driver, torch.answer.get("gpu"))]
    if torch.missing == "torch":
        return findings
    if torch.error:
        return [*findings, Finding("torch", "problem", torch.error, remedy(torch.error, "torch"))]
    return [*findings, _check_torch(torch, bool(cards)), *_check_torchvision(torch)]


def _check_driver(driver: Outcome | None, seen_by_torch: str | None) -> Finding:
    if driver and driver.error:
        todo = "Restart the machine; if that does not help, install the NVIDIA driver anew."
        return Finding("NVIDIA GPU", "problem", f"nvidia-smi: {driver.error}", todo)
    if driver and driver.answer["cards"]:
        return Finding("NVIDIA GPU", "ok", "; ".join(driver.answer["cards"]))
    if seen_by_torch:
        return Finding("NVIDIA GPU", "ok", seen_by_torch)  # a Jetson may have no nvidia-smi
    return Finding("NVIDIA GPU", "note", "none: training runs on the CPU and takes longer")


def _check_torch(torch: Outcome, has_cards: bool) -> Finding:
    answer = torch.answer
    name = f"{answer['version']} (CUDA {answer['cuda'] or 'not built in'})"
    if answer["gpu_error"]:
        todo = "Install a torch that is built for this GPU: https://pytorch.org/get-started"
        return Finding("torch", "problem", f"{name}: {answer['gpu_error']}", todo)
    if answer["gpu"]:
        return Finding("torch", "ok", f"{name}, computes on {answer['gpu']}")
    if not has_cards:
        return Finding("torch", "ok", f"{name}, trains on the CPU")
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        return Finding("torch", "note", f"{name}: CUDA_VISIBLE_DEVICES hides the GPU from it")
    todo = "Install a torch built for the driver's CUDA: https://pytorch.org/get-started"
    return Finding("torch", "problem", f"{name} does not see the GPU", todo)


def _check_torchvision(torch: Outcome) -> list[Finding]:
    error, version = torch.answer["torchvision_error"], torch.answer["torchvision"]
    if error:
        detail = f"{version or 'it'} does not match torch: {error}"
        return [Finding("torchvision", "problem", detail, _ONE_INDEX)]
    return [Finding("torchvision", "ok", f"{version}, matches torch")] if version else []
