"""OpenVINO on the CPU."""

from __future__ import annotations

from typing import Any

import openvino

from edgeyolo.device.bundle import Bundle
from edgeyolo.device.engine import Float


def settings_for(threads: int) -> dict[str, Any]:
    """One run at a time, on so many threads."""
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        # Without it, cores with bf16 or fp16 compute a float32 net in less.
        "INFERENCE_PRECISION_HINT": "f32",
    }


def compiled_of(bundle: Bundle, settings: dict[str, Any]) -> openvino.CompiledModel:
    """The loaded net."""
    model = str(bundle.file("openvino", "model"))
    return openvino.Core().compile_model(model, "CPU", settings)


class Engine:
    """Runs ``model.xml`` and ``model.bin``."""

    def __init__(self, bundle: Bundle, threads: int) -> None:
        compiled = compiled_of(bundle, settings_for(threads))
        # Synchronous requests: the asynchronous queue is known to hang on some cores.
        self._request = compiled.create_infer_request()
        self._count = len(compiled.outputs)

    def infer(self, blob: Float) -> list[Float]:
        """Outputs in the order of the graph, in the request's own memory."""
        self._request.infer([blob], share_inputs=True)
        return [self._request.get_output_tensor(index).data for index in range(self._count)]
