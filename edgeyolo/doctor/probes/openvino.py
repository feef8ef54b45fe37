"""Builds a net of one convolution in OpenVINO, compiles it for the CPU and runs it."""

from __future__ import annotations

import numpy as np
import openvino
from openvino import opset13 as ops

from edgeyolo.doctor.probes.convolution import IMAGE, WEIGHTS, check

_SETTINGS = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}


def main() -> None:
    """Run it once."""
    image = ops.parameter(IMAGE.shape, np.float32)
    conv = ops.convolution(image, ops.constant(WEIGHTS), [1, 1], [0, 0], [0, 0], [1, 1])
    model = openvino.Model([conv], [image], "convolution")
    request = openvino.Core().compile_model(model, "CPU", _SETTINGS).create_infer_request()
    request.infer([IMAGE])
    output = np.array(request.get_output_tensor(0).data, np.float32)
    check(openvino.__version__.partition("-")[0], output)


main()
