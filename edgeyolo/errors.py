"""Every error that a user can cause, and the exit code each of them ends in.

EdgeyoloError                      1  the work failed
├── UsageError                     2  a flag, a value or a file is not usable
│   ├── ConfigError                   edgeyolo.toml or an EDGEYOLO_* variable
│   ├── DataError                     data.yaml, an image or a label
│   ├── SpecError                     a net that cannot be built
│   ├── CheckpointError               a .pt that is not one of ours
│   └── BundleError                   a damaged or foreign bundle
├── MissingDependencyError         3  a package is not installed
├── CameraError                    4  a camera or another piece of hardware
└── StoppedError                   6  stopped at a safe point, can be resumed

A message is one sentence on what is wrong; the hint is one on what to do.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells the shell."""

    OK = 0
    FAILED = 1
    USAGE = 2
    MISSING_DEPENDENCY = 3
    HARDWARE = 4
    BUDGET_NOT_MET = 5
    STOPPED = 6
    INTERRUPTED = 130


class EdgeyoloError(Exception):
    """The work failed."""

    exit_code = ExitCode.FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message

    @staticmethod
    def with_code(code: int, message: str, hint: str) -> EdgeyoloError:
        """The error that another process told of, under its own exit code."""
        kind = UsageError if code == ExitCode.USAGE else EdgeyoloError
        error = kind(message, hint)
        error.exit_code = ExitCode(code)
        return error


class UsageError(EdgeyoloError):
    """The input is not usable."""

    exit_code = ExitCode.USAGE


class ConfigError(UsageError):
    """A setting is unknown or has a wrong value."""


class DataError(UsageError):
    """The data set, an image or a label is broken."""


class SpecError(UsageError):
    """No such net can be built."""


class CheckpointError(UsageError):
    """The file is not a checkpoint that can be opened safely."""


class BundleError(UsageError):
    """The bundle is damaged or was not written by edgeyolo."""


class MissingDependencyError(EdgeyoloError):
    """A package is not installed; the hint is the exact install line."""

    exit_code = ExitCode.MISSING_DEPENDENCY

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"This needs {package}, which is not installed.",
            f'Install it with: python3 -m pip install "edgeyolo[{extra}]"',
        )
        self.package = package
        self.extra = extra


class CameraError(EdgeyoloError):
    """A camera, a display or another piece of hardware does not answer."""

    exit_code = ExitCode.HARDWARE


class StoppedError(EdgeyoloError):
    """The work stopped at a safe point and can be resumed."""

    exit_code = ExitCode.STOPPED


# Module that fails to import → (what it is called, the extra that brings it).
PACKAGES = {
    "cv2": ("OpenCV", "headless"),
    "onnxruntime": ("ONNX Runtime", "onnxruntime"),
    "ncnn": ("ncnn", "ncnn"),
    "openvino": ("OpenVINO", "openvino"),
    "paho": ("paho-mqtt", "mqtt"),
    "faster_coco_eval": ("faster-coco-eval", "val"),
    "torch": ("torch", "workshop"),
    "torchvision": ("torchvision", "workshop"),
    "ultralytics": ("ultralytics", "workshop"),
    "torch_pruning": ("torch-pruning", "workshop"),
    "onnx": ("onnx", "workshop"),
    "onnxslim": ("onnxslim", "workshop"),
    "pnnx": ("pnnx", "workshop"),
    "jinja2": ("jinja2", "workshop"),
    "matplotlib": ("matplotlib", "workshop"),
}


def missing(error: ImportError) -> EdgeyoloError | None:
    """Name the extra that brings what failed to import, or ``None`` for a bug of ours."""
    name = (error.name or "").partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and name in PACKAGES:
        return MissingDependencyError(*PACKAGES[name])
    if "libGL" in str(error):  # opencv-python on a system without a desktop
        return MissingDependencyError("an OpenCV that works without a desktop", "headless")
    return None
