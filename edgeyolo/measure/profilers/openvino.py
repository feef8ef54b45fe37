"""OpenVINO's layers, from the counters that it keeps when it is asked to."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeyolo.device.bundle import Bundle
from edgeyolo.device.engines.openvino import compiled_of, settings_for
from edgeyolo.device.letterbox import Blob
from edgeyolo.measure.layers import WARM_UP, Layer

_ADDED = "/WithoutBiases"  # to the name of a convolution that takes its bias in
# How the name of a kernel ends: jit_avx2_I8, brgconv_avx2_1x1_f32.
_PRECISIONS = {"f32": "fp32", "f16": "fp16", "bf16": "bf16", "i8": "int8", "u8": "int8"}


def layers(bundle: Bundle, threads: int, blob: Blob, runs: int) -> list[Layer]:
    """What was executed, in the order in which it ran."""
    compiled = compiled_of(bundle, {**settings_for(threads), "PERF_COUNT": True})
    request = compiled.create_infer_request()
    for _ in range(WARM_UP):
        request.infer([blob])
    times, executed = [], []
    for _ in range(runs):
        request.infer([blob])
        executed = [node for node in request.get_profiling_info() if _was_executed(node)]
        times.append([node.real_time.total_seconds() * 1000 for node in executed])
    medians = np.median(times, axis=0)
    return [_layer(node, float(ms)) for node, ms in zip(executed, medians, strict=True)]


def _was_executed(node: Any) -> bool:
    """And not drawn into another one, or done once and for all when the net was loaded."""
    return bool(node.status.name == "EXECUTED")


def _layer(node: Any, ms: float) -> Layer:
    name, ending = node.node_name.removesuffix(_ADDED), node.exec_type.rpartition("_")[2]
    return Layer(name, node.node_type, ms, _PRECISIONS.get(ending.lower()))
