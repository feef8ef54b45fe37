"""NCNN's layers, which it does not tell: its blobs are asked for one after the other.

Each question makes it run the layers up to there that have not run yet. All blobs are kept
meanwhile, so that what otherwise works in place has to copy: the layers together take a quarter to
a third longer than a run does (measured on x86).
"""

from __future__ import annotations

import time

import ncnn
import numpy as np
import numpy.typing as npt

from edgeyolo.device.bundle import Bundle
from edgeyolo.device.engines.ncnn import net_of
from edgeyolo.device.letterbox import Blob
from edgeyolo.measure.layers import WARM_UP, Layer
from edgeyolo.quantize import ncnn_format as form

_AS_IT_IS = 1  # neither unpacked nor brought back to float32
_WITH_WEIGHTS = ("Convolution", "ConvolutionDepthWise", "InnerProduct")


def layers(bundle: Bundle, threads: int, blob: Blob, runs: int) -> list[Layer]:
    """All layers but the input, in the order of the file."""
    lines = form.read_graph(bundle.file("ncnn", "param").read_text(encoding="utf-8"))
    graph = [line for line in lines if line.kind != "Input"]
    tops = [line.outputs for line in graph]
    net, image = net_of(bundle, threads), np.ascontiguousarray(blob[0])
    for _ in range(WARM_UP):
        _run(net, tops, image)
    medians = np.median([_run(net, tops, image) for _ in range(runs)], axis=0)
    return [_layer(line, float(ms)) for line, ms in zip(graph, medians, strict=True)]


def _layer(line: form.Layer, ms: float) -> Layer:
    """Float layers may compute in fp16 or bf16, as the core can; that is not told."""
    is_int8 = line.kind in _WITH_WEIGHTS and line.number(form.INT8_TERM) != 0
    return Layer(line.name, line.kind, ms, "int8" if is_int8 else None)


def _run(net: ncnn.Net, tops: list[tuple[str, ...]], image: npt.NDArray[np.float32]) -> list[float]:
    """Milliseconds of each layer."""
    extractor = net.create_extractor()
    extractor.set_light_mode(False)  # which would give each blob away to the layer behind it
    extractor.input("in0", ncnn.Mat(image))
    times = []
    for names in tops:
        started = time.perf_counter()
        for name in names:
            extractor.extract(name, _AS_IT_IS)
        times.append(1000 * (time.perf_counter() - started))
    return times
