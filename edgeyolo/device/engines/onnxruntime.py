"""ONNX Runtime on the CPU."""

from __future__ import annotations

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state

from edgeyolo.device.bundle import Bundle
from edgeyolo.device.engine import Float

_ERRORS_ONLY = 3
# Its exceptions have no base class of their own.
REFUSALS = tuple(
    kind
    for kind in vars(onnxruntime_pybind11_state).values()
    if isinstance(kind, type) and issubclass(kind, Exception)
)


def options_for(threads: int) -> onnxruntime.SessionOptions:
    """One run at a time, on so many threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    return options


def session_of(bundle: Bundle, options: onnxruntime.SessionOptions) -> onnxruntime.InferenceSession:
    """The loaded net.

    Raises:
        RuntimeError: when ONNX Runtime refuses the file.
    """
    path = str(bundle.file("onnxruntime", "model"))
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except REFUSALS as error:
        raise RuntimeError(str(error)) from error


class Engine:
    """Runs ``model.onnx``."""

    def __init__(self, bundle: Bundle, threads: int) -> None:
        self._session = session_of(bundle, options_for(threads))
        self._input = self._session.get_inputs()[0].name

    def infer(self, blob: Float) -> list[Float]:
        """Outputs in the order of the graph."""
        try:
            return list(self._session.run(None, {self._input: blob}))
        except REFUSALS as error:
            raise RuntimeError(str(error)) from error
