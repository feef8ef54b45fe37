"""``python -m edgeyolo.train.loggers.graph CHECKPOINT IMGSZ FILE`` traces a net for TensorBoard."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from edgeyolo.slim.checkpoint import open_checkpoint
from edgeyolo.workshop import open_workshop


def graph_of(checkpoint: Path, imgsz: int) -> bytes:
    """The net's operations as a serialized ``GraphDef``."""
    open_workshop()
    import torch
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from torch.utils.tensorboard import SummaryWriter

    net = open_checkpoint(checkpoint).float().eval()
    net.model[-1].export = True  # boxes alone: the losses want more, which cannot be traced
    blob = torch.zeros(1, 3, imgsz, imgsz)
    with TemporaryDirectory(prefix="edgeyolo-") as folder, torch.no_grad():
        net(blob)  # the head keeps its anchor points, so the first time is another than the next
        with SummaryWriter(folder) as writer:
            writer.add_graph(net, blob, use_strict_trace=False)
        (file,) = Path(folder).iterdir()
        events = EventFileLoader(str(file)).Load()
        return next(bytes(event.graph_def) for event in events if event.graph_def)


if __name__ == "__main__":
    Path(sys.argv[3]).write_bytes(graph_of(Path(sys.argv[1]), int(sys.argv[2])))
