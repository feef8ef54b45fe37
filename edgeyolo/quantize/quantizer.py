"""What an engine's quantizer is, and how one is found: by the name of its file in this room."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

from edgeyolo.device.bundle import Bundle
from edgeyolo.device.engine import ENGINES, Float
from edgeyolo.errors import MissingDependencyError, UsageError
from edgeyolo.quantize.layers import Convolution
from edgeyolo.quantize.ranges import Range, Through


@dataclass(frozen=True, slots=True, eq=False)
class Rounded:
    """A convolution's weights on the int8 grid, and the bias that goes with them."""

    kernel: Float
    bias: Float


class Quantizer(Protocol):
    """The fp32 graph of a bundle; each engine's file has one class of this name."""

    layers: tuple[Convolution, ...]
    notes: tuple[str, ...]  # what the user should know of this graph
    levels: int  # steps of a tensor's range
    always_float: tuple[str, ...]  # convolutions that this engine's int8 would spoil in any net

    def __init__(self, bundle: Bundle) -> None:
        """Read the bundle's fp32 files of this engine."""

    def taps(self, blob: Float) -> Iterator[tuple[str, Float]]:
        """Name and values (channels, h, w) of each tensor that gets a range, for one image."""
        ...

    def input_of(self, layer: str) -> str:
        """The tap that a convolution reads."""
        ...

    def through(self, tap: str) -> Through | None:
        """The function that a tap's values go through next, where errors count behind it."""
        ...

    def same_range(self, tap: str) -> str:
        """The tap whose range this one must have; itself where it is free."""
        ...

    def scales(self, layer: Convolution) -> Float:
        """(outputs,) int8 steps per unit of weight."""
        ...

    def prepare(self, ranges: Mapping[str, Range], rounded: Mapping[str, Rounded]) -> None:
        """Take the ranges of all taps and the weights of all convolutions."""

    def write(self, floats: Collection[str], folder: Path) -> dict[str, str]:
        """Write the engine's files, some convolutions in float; return the file of each role."""
        ...


def check_engine(engine: str) -> None:
    """Refuse an engine without a quantizer.

    Raises:
        UsageError: naming those that have one.
    """
    if engine not in ENGINES:
        raise UsageError(
            f"There is no engine {engine!r} to quantize for.",
            f"The engines are {', '.join(ENGINES)}.",
        )


def load_quantizer(bundle: Bundle, engine: str) -> Quantizer:
    """The quantizer of an engine, with the bundle's graph read.

    Raises:
        MissingDependencyError: when a package that it needs is not installed.
        BundleError: when the graph is not what the manifest says.
    """
    check_engine(engine)
    try:
        quantizer: Quantizer = import_module(f"edgeyolo.quantize.{engine}").Quantizer(bundle)
    except ModuleNotFoundError as error:  # OpenVINO's imports nncf, which is slow, when it is made
        raise MissingDependencyError(str(error.name), "workshop") from error
    return quantizer
