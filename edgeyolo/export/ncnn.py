"""NCNN files, made by pnnx from a traced graph."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pnnx
import torch

from edgeyolo.errors import EdgeyoloError
from edgeyolo.export.graph import RawHeads, example_input
from edgeyolo.export.storage import Storage

FILES = {"param": "model.ncnn.param", "bin": "model.ncnn.bin"}


def write(
    graph: RawHeads,
    imgsz: int,
    strides: tuple[int, ...],
    folder: Path,
    storage: Storage = "fp32",
) -> dict[str, str]:
    """Write ``model.ncnn.param`` and ``.bin``; return the file of each role.

    The input is called ``in0``, the outputs ``out0``, ``out1``, … in order.
    """
    with tempfile.TemporaryDirectory() as work:
        traced = torch.jit.trace(graph, example_input(imgsz), check_trace=False)  # type: ignore[no-untyped-call]
        traced.save(f"{work}/model.pt")
        # The binary itself: pnnx's Python wrapper goes on to import the code that it generates.
        shape = f"inputshape=[1,3,{imgsz},{imgsz}]"
        command = [pnnx.EXEC_PATH, "model.pt", shape, f"fp16={int(storage == 'fp16')}"]
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
        for name in FILES.values():
            if not (Path(work) / name).is_file():
                last = (done.stderr or done.stdout).strip().splitlines()[-1:]
                raise EdgeyoloError(
                    f"pnnx could not convert the net: {' '.join(last) or 'no word'}"
                )
            shutil.copyfile(Path(work) / name, folder / name)
    return FILES
