"""ONNX Runtime's layers, from the trace that it writes when it is asked to."""

from __future__ import annotations

import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from edgeyolo.device.bundle import Bundle
from edgeyolo.device.engines.onnxruntime import options_for, session_of
from edgeyolo.device.letterbox import Blob
from edgeyolo.measure.layers import WARM_UP, Layer

_KERNEL = "_kernel_time"  # ends the name of what took the time
# What its optimizer hangs on the names of nodes, or of their outputs, which it replaces.
_ADDED = re.compile(r"(_output_\d+)?(_nchwc)?(_token_\d+)?$|/QuickGeluFusion/$")
_OF_THE_GRAPH = ("/", "box_", "class_")  # names begin so; Reorder and others are the optimizer's
_PRECISIONS = {"float": "fp32", "float16": "fp16", "uint8": "int8", "int8": "int8"}


def layers(bundle: Bundle, threads: int, blob: Blob, runs: int) -> list[Layer]:
    """Kernels in the order in which they run."""
    with TemporaryDirectory(prefix="edgeyolo-") as folder:
        options = options_for(threads)
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "trace")
        session = session_of(bundle, options)
        name = session.get_inputs()[0].name
        for _ in range(WARM_UP + runs):
            session.run(None, {name: blob})
        trace = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    return _of_trace(trace, WARM_UP + runs)


def _of_trace(trace: list[dict[str, Any]], runs: int) -> list[Layer]:
    """The same kernels run in each run, one behind the other."""
    kernels = [event for event in trace if event["name"].endswith(_KERNEL)]
    each = len(kernels) // runs
    microseconds = np.reshape([event["dur"] for event in kernels], (runs, each))[WARM_UP:]
    medians = np.median(microseconds, axis=0) / 1000
    return [_layer(event, float(ms)) for event, ms in zip(kernels[:each], medians, strict=True)]


def _layer(event: dict[str, Any], ms: float) -> Layer:
    told, name = event["args"], event["name"].removesuffix(_KERNEL)
    kind = told.get("op_name", "")
    if name.startswith(_OF_THE_GRAPH):
        name = _ADDED.sub("", name)
    inputs = told.get("input_type_shape") or [{}]
    first = next(iter(inputs[0]), "")
    return Layer(name or kind, kind, ms, _PRECISIONS.get(first))
