"""The predicted activation memory is what PyTorch's tensors really take."""

from __future__ import annotations

import weakref
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from edgeyolo.slim.architecture import inputs_of, layers
from edgeyolo.slim.memory import activation_bytes
from edgeyolo.slim.net import build
from edgeyolo.slim.spec import SlimSpec

SPECS = [
    SlimSpec(),
    SlimSpec(width=0.125),
    SlimSpec(width=0.125, heads=("P3", "P4"), reg_max=8),
    SlimSpec(heads=("P4",), cut_backbone=True),
    SlimSpec(width=0.5, depth=1, max_channels=512),
    SlimSpec(width=0.0625, heads=("P4", "P5"), reg_max=1),
    SlimSpec(width=0.5, heads=("P5",)),
]


class StorageMeter(TorchDispatchMode):
    """Bytes of the storages that operations make, as long as anything refers to them."""

    def __init__(self) -> None:
        super().__init__()
        self.alive = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self._see(leaf.untyped_storage())
        return result

    def _see(self, storage: Any) -> None:
        key, size = storage.data_ptr(), storage.nbytes()
        if key not in self._known:
            self._known.add(key)
            self.alive += size
            self.peak = max(self.peak, self.alive)
            weakref.finalize(storage, self._gone, key, size)

    def _gone(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.alive -= size


def measure(spec: SlimSpec, classes: int, imgsz: int) -> int:
    """Run a net row by row and let each tensor go after its last reader."""
    net = build(spec, tuple(map(str, range(classes)))).eval().fuse(verbose=False)
    for module in net.modules():  # engines fuse the activation into the convolution
        if hasattr(module, "inplace"):
            module.inplace = True
    rows = [layer.row for layer in layers(spec)]
    last_use = {s: i for i, row in enumerate(rows) for s in inputs_of(i, row)}
    with torch.no_grad(), StorageMeter() as meter:
        alive = {-1: torch.zeros(1, 3, imgsz, imgsz)}
        for index, row in enumerate(rows[:-1]):
            sources = inputs_of(index, row)
            inputs = [alive[source] for source in sources]
            output = net.model[index](inputs if row[2] == "Concat" else inputs[0])
            del inputs
            alive = {k: v for k, v in {**alive, index: output}.items() if last_use[k] > index}
        head = net.model[-1]
        kept = [
            tower(alive[source])
            for source, box, score in zip(head.f, head.cv2, head.cv3, strict=True)
            for tower in (box, score)
        ]
    assert len(kept) == 2 * len(spec.heads)
    return meter.peak


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
@pytest.mark.parametrize("imgsz", [64, 160])
def test_is_what_the_tensors_take(spec: SlimSpec, imgsz: int) -> None:
    assert activation_bytes(spec, 3, imgsz) == measure(spec, 3, imgsz)
