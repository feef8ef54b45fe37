"""Asks torch for a CUDA GPU, computes on it, and tries an operator of torchvision.

torchvision's library is loaded without the package around it, whose import takes longer than
torch's own. A library that does not fit torch is what ends in "operator torchvision::nms does not
exist", and one without CUDA in an error on the GPU alone.
"""

from __future__ import annotations

from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from edgeyolo.doctor.child import answer


def _gpu() -> dict[str, Any]:
    if not torch.cuda.is_available():
        return {"gpu": None, "gpu_error": ""}
    name = torch.cuda.get_device_name(0)
    try:
        total = float(torch.ones(64, device="cuda").sum())
    except RuntimeError as error:
        return {"gpu": None, "gpu_error": str(error).strip().splitlines()[0]}
    return {"gpu": name, "gpu_error": "" if total == 64 else f"computes {total} instead of 64"}


def _torchvision(device: str) -> dict[str, Any]:
    try:
        version = metadata.version("torchvision")
    except metadata.PackageNotFoundError:
        return {"torchvision": None, "torchvision_error": ""}
    try:
        _try_operator(device)
    except (OSError, RuntimeError, AttributeError) as error:
        reason = str(error).strip().splitlines()[0]
        return {"torchvision": version, "torchvision_error": reason}
    return {"torchvision": version, "torchvision_error": ""}


def _try_operator(device: str) -> None:
    package = find_spec("torchvision")
    if package and package.origin:
        for library in Path(package.origin).parent.glob("_C*"):
            torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0]], device=device)
    torch.ops.torchvision.nms(boxes, torch.ones(1, device=device), 0.5)


def main() -> None:
    """Answer what torch sees."""
    gpu = _gpu()
    torchvision = _torchvision("cuda" if gpu["gpu"] else "cpu")
    answer(version=torch.__version__, cuda=torch.version.cuda, **gpu, **torchvision)


main()
