"""What a training step costs: plain, distilled, and by the order of pixels in memory.

    python tools/bench_training.py --width 0.125 --imgsz 320

One process, in turns (A B C A B C …): forward, loss, backward, optimizer. The teacher is the wide
net of the same levels. The budget informs: a distilled step may cost 1.4 plain ones on a GPU and 2
on a CPU.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

from edgeyolo.slim.spec import SlimSpec
from edgeyolo.train.device import available_threads, choose_device
from edgeyolo.workshop import open_workshop

_CLASSES = ("a", "b", "c")
_BOXES = 10  # in each image


def subjects(options: argparse.Namespace) -> dict[str, Callable[[], None]]:
    """A step of each kind, ready to run."""
    import torch

    device = torch.device(options.device)
    torch.manual_seed(0)
    count, size = options.batch, options.imgsz
    batch = {
        "img": torch.rand(count, 3, size, size, device=device),
        "batch_idx": torch.arange(count * _BOXES, device=device) // _BOXES,
        "cls": torch.randint(0, len(_CLASSES), (count * _BOXES, 1), device=device).float(),
        "bboxes": torch.rand(count * _BOXES, 4, device=device) * 0.3 + 0.2,
    }
    last, first = torch.channels_last, torch.contiguous_format
    return {
        "plain, channels first": _step(options, batch, first, 0.0, 0.0),
        "plain": _step(options, batch, last, 0.0, 0.0),
        "distilled": _step(options, batch, last, 1.0, 0.0),
        "distilled, features too": _step(options, batch, last, 1.0, 1.0),
    }


def _step(
    options: argparse.Namespace, batch: dict[str, Any], order: Any, gain: float, features: float
) -> Callable[[], None]:
    import torch
    from ultralytics.cfg import get_cfg

    from edgeyolo.slim.net import build
    from edgeyolo.train.distill import Lesson, criterion

    device = batch["img"].device
    spec = SlimSpec(width=options.width)
    net = build(spec, _CLASSES).to(device, memory_format=order).train().requires_grad_(True)
    net.args = get_cfg()
    if gain:
        teacher = build(SlimSpec(), _CLASSES).to(device)
        net.criterion = criterion(net, Lesson(teacher, net, gain, features))
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4)

    def step() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            loss, _ = net(batch)
        optimizer.zero_grad()
        loss.sum().backward()
        optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize()

    return step


def main() -> None:
    """Parse, take turns, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=float, default=0.125)
    parser.add_argument("--imgsz", type=int, default=320)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--turns", type=int, default=9)
    options = parser.parse_args()
    open_workshop()
    import torch

    name = choose_device(options.device)
    options.device = name if name == "cpu" else f"cuda:{name}"
    torch.set_num_threads(available_threads())
    steps = subjects(options)
    times: dict[str, list[float]] = {kind: [] for kind in steps}
    for turn in range(options.turns + 2):
        for kind, step in steps.items():
            begin = time.perf_counter()
            step()
            if turn > 1:
                times[kind].append(time.perf_counter() - begin)
    print(f"{options.device}, {torch.get_num_threads()} threads, batch {options.batch}")
    print("| step | seconds | × plain |\n|---|---|---|")
    for kind, taken in times.items():
        ratios = sorted(a / b for a, b in zip(taken, times["plain"], strict=True))
        print(
            f"| {kind} | {statistics.median(taken):.3f} | {statistics.median(ratios):.2f} "
            f"({ratios[0]:.2f}–{ratios[-1]:.2f}) |"
        )


if __name__ == "__main__":
    main()
