"""Loads a net of one convolution into ncnn and runs it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import ncnn
import numpy as np

from edgeyolo.doctor.probes.convolution import CHANNELS, IMAGE, KERNEL, WEIGHTS, check

_MAGIC = 7767517
_FLOAT32 = bytes(4)  # the tag before weights that are not compressed


def _write(folder: Path) -> tuple[Path, Path]:
    """Write a net: a line per layer in the one file, the weights in the other."""
    param, weights = folder / "model.ncnn.param", folder / "model.ncnn.bin"
    settings = f"0={CHANNELS} 1={KERNEL} 6={WEIGHTS.size}"
    layers = f"Input in 0 1 in0\nConvolution conv 1 1 in0 out0 {settings}\n"
    param.write_text(f"{_MAGIC}\n2 2\n{layers}", encoding="ascii")
    weights.write_bytes(_FLOAT32 + WEIGHTS.tobytes())
    return param, weights


def main() -> None:
    """Run it once."""
    net = ncnn.Net()
    net.opt.num_threads = 1
    net.opt.use_vulkan_compute = False
    with tempfile.TemporaryDirectory() as folder:
        param, weights = _write(Path(folder))
        if net.load_param(str(param)) != 0 or net.load_model(str(weights)) != 0:
            raise RuntimeError("ncnn refuses a net of one convolution")
    image = IMAGE[0]  # ncnn.Mat shares its memory, so it has to live as long
    extractor = net.create_extractor()
    extractor.input("in0", ncnn.Mat(image))
    code, output = extractor.extract("out0")
    if code != 0:
        raise RuntimeError(f"ncnn could not compute (code {code})")
    check(ncnn.__version__, np.array(output, np.float32))


main()
