"""Train the wide net that the demo starts from, and write it to assets/ in half precision.

    edgeyolo fetch yolov8n
    python tools/make_demo_weights.py --epochs 30

Takes about 25 minutes on 2 CPU cores. Run it again to go on after an interruption.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from edgeyolo.dataset.demo import DEMO_IMGSZ
from edgeyolo.dataset.find import DEMO, DataChoice
from edgeyolo.flow.weights import DEMO_WEIGHTS, find_weights
from edgeyolo.jobs import process
from edgeyolo.slim.checkpoint import open_checkpoint, save_checkpoint
from edgeyolo.slim.inherit import inherit
from edgeyolo.slim.spec import SlimSpec
from edgeyolo.train.folder import BEST, START, WORKER
from edgeyolo.train.recipe import Job, Recipe

ASSETS = Path(__file__).parent.parent / "assets"


def main() -> None:
    """Inherit from the stock net, train, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="source", default="yolov8n.pt")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--work", type=Path, default=Path("runs/demo-weights"))
    arguments = parser.parse_args()
    folder = arguments.work.absolute()
    dataset = DataChoice(DEMO, "").open()
    if not (folder / START).exists():
        source = find_weights(arguments.source, is_demo=False)
        assert source is not None
        net, _ = inherit(open_checkpoint(source), SlimSpec(), dataset.names)
        save_checkpoint(net, folder / START)
    Job(str(dataset.path), Recipe(arguments.epochs, DEMO_IMGSZ)).save(folder)
    if not process.is_finished(folder):
        for event in process.follow(folder, process.start(folder, WORKER)):
            if event["event"] != "batch":
                print(json.dumps(event), flush=True)
    save_checkpoint(open_checkpoint(folder / BEST), ASSETS / DEMO_WEIGHTS, half=True)
    print(f"{ASSETS / DEMO_WEIGHTS}: {(ASSETS / DEMO_WEIGHTS).stat().st_size} bytes")


if __name__ == "__main__":
    main()
