"""The convolutions of a bundle's graph, under the names that ultralytics gives their modules."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeyolo.device.bundle import Bundle
from edgeyolo.errors import BundleError
from edgeyolo.slim.cost import ConvCost, convolutions
from edgeyolo.slim.spec import SlimSpec

Float = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Convolution:
    """One convolution of a graph, and its multiply-adds at the bundle's input size."""

    name: str
    macs: int
    kernel: Float  # (outputs, inputs, height, width)
    bias: Float  # (outputs,)
    stride: int
    padding: int

    @property
    def columns(self) -> int:
        """Weights of one output channel."""
        return int(self.kernel[0].size)


def expected_convolutions(bundle: Bundle) -> list[ConvCost]:
    """What the manifest says is in the graph, in the order in which it runs.

    Raises:
        BundleError: when the manifest does not say what net it is.
    """
    try:
        spec = SlimSpec.from_dict(bundle.provenance["spec"])
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"{bundle.root} does not say what net it holds.", AGAIN) from error
    return [conv for conv in convolutions(spec, len(bundle.names)) if conv.trained]


def macs_of(conv: ConvCost, bundle: Bundle) -> int:
    """Multiply-adds of a convolution at the bundle's input size."""
    return bundle.height * bundle.width // conv.strides[0] ** 2 * conv.weights


def module_name(path: str, head: int) -> str:
    """``/model.2/cv1/conv/Conv`` → ``model.2.cv1``, ``/cv2.1/cv2.1.0/…`` → ``model.22.cv2.1.0``."""
    parts = [part for part in path.split("/") if part not in ("", "conv", "Conv", "WithoutBiases")]
    if parts and parts[0].startswith("model."):
        return ".".join(parts)
    return f"model.{head}.{parts[-1] if parts else path}"


def foreign(bundle: Bundle, engine: str) -> BundleError:
    """The graph holds other convolutions than the manifest says."""
    return BundleError(
        f"The {engine} graph of {bundle.root} is not the net that its manifest describes.", AGAIN
    )


def int8_share(layers: Sequence[Convolution], floats: Collection[str]) -> float:
    """Part of the convolutions' multiply-adds that is computed in int8."""
    total = sum(layer.macs for layer in layers)
    return sum(layer.macs for layer in layers if layer.name not in floats) / total


AGAIN = "Export the checkpoint again."
