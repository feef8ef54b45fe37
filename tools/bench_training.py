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
_WARMUP = 3


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


def measure(options: argparse.Namespace) -> dict[str, list[float]]:
    """Seconds of every turn, of each kind of step."""
    open_workshop()
    import torch

    name = choose_device(options.device)
    options.device = name if name == "cpu" else f"cuda:{name}"
    torch.set_num_threads(available_threads())
    steps = subjects(options)
    times: dict[str, list[float]] = {kind: [] for kind in steps}
    for turn in range(options.turns + _WARMUP):
        for kind, step in steps.items():
            begin = time.perf_counter()
            step()
            if turn >= _WARMUP:
                times[kind].append(time.perf_counter() - begin)
    return times


def table(times: dict[str, list[float]]) -> str:
    """Markdown: medians, and the median and the range of the ratio to a plain step."""
    lines = ["| step | seconds | × plain |", "|---|---|---|"]
    for kind, taken in times.items():
        ratios = sorted(a / b for a, b in zip(taken, times["plain"], strict=True))
        lines.append(
            f"| {kind} | {statistics.median(taken):.4f} | {statistics.median(ratios):.2f} "
            f"({ratios[0]:.2f}–{ratios[-1]:.2f}) |"
        )
    return "\n".join(lines)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Options, also of a program that measures steps among other things."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=float, default=0.125)
    parser.add_argument("--imgsz", type=int, default=320)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--turns", type=int, default=9)
    return parser.parse_args(arguments)


def main() -> None:
    """Parse, take turns, print the table."""
    options = parse()
    times = measure(options)
    print(f"{options.device}, {available_threads()} threads, batch {options.batch}")
    print(table(times))


if __name__ == "__main__":
    main()
