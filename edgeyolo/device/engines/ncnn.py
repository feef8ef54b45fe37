"""NCNN on the CPU. It answers with return codes and messages on stderr, not with exceptions."""

from __future__ import annotations

import ncnn
import numpy as np

from edgeyolo.device.bundle import Bundle
from edgeyolo.device.engine import Float


def net_of(bundle: Bundle, threads: int) -> ncnn.Net:
    """The loaded net.

    Raises:
        RuntimeError: when ncnn refuses a file.
    """
    net = ncnn.Net()
    net.opt.num_threads = threads  # options count only if set before loading
    net.opt.use_vulkan_compute = False
    for load, role in ((net.load_param, "param"), (net.load_model, "bin")):
        if load(str(bundle.file("ncnn", role))) != 0:
            raise RuntimeError(f"the {role} file was refused")
    return net


class Engine:
    """Runs ``model.ncnn.param`` and ``model.ncnn.bin``; computes in fp16 where the core can."""

    def __init__(self, bundle: Bundle, threads: int) -> None:
        self._net = net_of(bundle, threads)
        self._outputs = [f"out{index}" for index in range(2 * len(bundle.strides))]

    def infer(self, blob: Float) -> list[Float]:
        """Outputs in the order in which the graph was written."""
        # Mat shares this memory and reads strides wrongly. The net begins with a convolution, which
        # leaves its input alone; one that began in place would need a clone.
        image = np.ascontiguousarray(blob[0])
        extractor = self._net.create_extractor()
        extractor.input("in0", ncnn.Mat(image))
        return [self._extract(extractor, name) for name in self._outputs]

    def _extract(self, extractor: ncnn.Extractor, name: str) -> Float:
        code, mat = extractor.extract(name)
        if code != 0:
            raise RuntimeError(f"ncnn could not compute {name} (code {code})")
        return np.asarray(mat)[None]  # shares the memory, and keeps it
