"""What an inference engine is, and how one is found: by the name of its file in ``engines/``."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from edgeyolo.device.bundle import Bundle
from edgeyolo.errors import BundleError, EdgeyoloError, MissingDependencyError, UsageError

Float = npt.NDArray[np.float32]

ENGINES = ("onnxruntime", "ncnn", "openvino")  # the first is the default


class Engine(Protocol):
    """Runs the exported graph; each file in ``engines/`` has one class of this name."""

    def __init__(self, bundle: Bundle, threads: int) -> None:
        """Load the bundle's file for this engine, to run on so many threads."""

    def infer(self, blob: Float) -> list[Float]:
        """Run one (1, 3, height, width) input; return box and class tensor of each stride."""
        ...


def engine_names() -> list[str]:
    """Engines that edgeyolo knows, installed or not; ``null`` is for tests."""
    folder = Path(__file__).parent / "engines"
    return sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))


def load_engine(bundle: Bundle, name: str, threads: int | None = None) -> Engine:
    """Load an engine by name.

    Raises:
        UsageError: for an unknown name.
        MissingDependencyError: when its package is not installed.
        BundleError: when the engine refuses the file.
        EdgeyoloError: when its package is installed but broken.
    """
    if name not in engine_names():
        raise UsageError(
            f"There is no engine {name!r}.", f"The engines are {', '.join(engine_names())}."
        )
    try:
        module = import_module(f"edgeyolo.device.engines.{name}")
    except ImportError as error:
        absent = (error.name or "").partition(".")[0] == name
        if absent and isinstance(error, ModuleNotFoundError):
            raise MissingDependencyError(name, name) from error
        raise EdgeyoloError(  # such as a system library that it needs
            f"{name} is installed but cannot be loaded: {first_line(error)}",
            "Look at the installation with: edgeyolo doctor",
        ) from error
    try:
        engine: Engine = module.Engine(bundle, threads or available_cores())
    except RuntimeError as error:
        raise BundleError(
            f"{name} cannot load {bundle.root}: {first_line(error)}",
            "Export the bundle again with the installed version of the engine.",
        ) from error
    return engine


def first_line(error: Exception) -> str:
    """What an engine said, without the rest of its story."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def available_cores() -> int:
    """Cores that this process may use (a container may get fewer than the board has)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
