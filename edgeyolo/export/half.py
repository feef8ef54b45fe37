"""float16 storage: half the file, the same arithmetic."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import onnx
from onnx import numpy_helper


def store_kernels_as_float16(model: onnx.ModelProto, names: Collection[str] | None = None) -> None:
    """Keep kernels (all, or those named) in float16 and cast them when the model is loaded.

    Engines fold the cast once, so they compute in float32 as before. Values beyond float16's range
    would become infinite: such a kernel is left as it is.
    """
    graph = model.graph
    casts = []
    for constant in graph.initializer:
        chosen = constant.name in names if names is not None else len(constant.dims) == 4
        if not chosen or constant.data_type != onnx.TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(constant)
        if np.abs(values).max(initial=0) > np.finfo(np.float16).max:
            continue
        name, half = constant.name, f"{constant.name}_float16"
        constant.CopyFrom(numpy_helper.from_array(values.astype(np.float16), half))
        casts.append(
            onnx.helper.make_node("Cast", [half], [name], f"{name}_cast", to=onnx.TensorProto.FLOAT)
        )
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
