"""Loads a net of one convolution into ONNX Runtime and runs it."""

from __future__ import annotations

import base64

import numpy as np
import onnxruntime

from edgeyolo.doctor.probes.convolution import IMAGE, WEIGHTS, check

# An ONNX file, because the package that writes them is not on a board. It was made with
#   graph = make_graph([make_node("Conv", ["x", "w"], ["y"])], "g", [x, w], [y])
#   make_model(graph, opset_imports=[make_opsetid("", 13)], ir_version=8).SerializeToString()
# of onnx.helper, where x, w and y are float tensors of the shapes in convolution.py.
_MODEL = base64.b64decode(
    "CAg6awoPCgF4CgF3EgF5IgRDb252EgFnWhsKAXgSFgoUCAESEAoCCAEKAggQCgIICAoCCAhaGwoBdxIWChQIARIQCgII"
    "EAoCCBAKAggDCgIIA2IbCgF5EhYKFAgBEhAKAggBCgIIEAoCCAYKAggGQgQKABAN"
)
_ERRORS_ONLY = 3


def main() -> None:
    """Run it once."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    session = onnxruntime.InferenceSession(_MODEL, options, providers=["CPUExecutionProvider"])
    output = np.asarray(session.run(None, {"x": IMAGE, "w": WEIGHTS})[0], np.float32)
    check(onnxruntime.__version__, output)


main()
