"""What only a machine with a GPU can show, in one call; what was seen goes into a JSON file.

    python tools/gpu_check.py --data bccd/data.yaml --from yolov8n.pt --imgsz 320 --results gpu.json

- ``machine``: the GPU, the driver and the versions.
- ``steps``: seconds of a training step, plain and distilled, in turns (``bench_training.py``).
- ``epochs``: seconds of whole epochs, reading and validation included, plain and distilled.
- ``killed``: a distilled training is killed in the middle and goes on, teacher and all.
- ``batches``: images a second and memory of a step, by the size of the batch.
- ``chain``: the wide net is trained, half of it inherits and is trained with and without its
  teacher, at 640 px with the largest batch that fits: images a second, how busy the GPU is, memory,
  mAP50-95 on val.
- ``job``: ``edgeyolo slim`` to its report, short.

A check that fails leaves its error in the file and the others go on; the program then ends with 1.
On a machine without a GPU everything runs on the CPU, which tries the program, no more.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import run
from typing import Any

import bench_training
import busy

from edgeyolo.dataset.labels import label_path
from edgeyolo.dataset.read import read_dataset
from edgeyolo.doctor.gpu import nvidia_smi
from edgeyolo.files import write_json, write_text
from edgeyolo.jobs import process
from edgeyolo.jobs.events import all_events
from edgeyolo.slim.spec import SlimSpec
from edgeyolo.train.device import choose_device
from edgeyolo.train.folder import BEST, START, WORKER
from edgeyolo.train.recipe import Job, Recipe
from edgeyolo.workshop import open_workshop

_HALF = SlimSpec(width=0.125)
_EPOCHS = 5
_KILLED_AFTER = 2  # epochs
_BATCHES, _TURNS, _BOXES = (8, 16, 32, 64, 128, 256, 512), 5, 40
_KINDS = "chosen", "started", "epoch", "finished"


def machine(options: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Where this runs."""
    import torch
    import ultralytics

    driver = nvidia_smi()
    return {
        "device": choose_device("auto"),
        "cards": driver.answer.get("cards") if driver else None,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "ultralytics": ultralytics.__version__,
    }


def steps(options: argparse.Namespace, work: Path) -> dict[str, Any]:
    """A step of training, plain and distilled, at several sizes."""
    found = {}
    for imgsz in options.sizes:
        asked = bench_training.parse(["--imgsz", str(imgsz), "--turns", str(options.turns)])
        times = bench_training.measure(asked)
        print(f"{imgsz} px\n{bench_training.table(times)}", flush=True)
        found[str(imgsz)] = {kind: [round(t, 5) for t in taken] for kind, taken in times.items()}
    return found


def epochs(options: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Whole epochs: the first one, which warms up, does not count."""
    found = {}
    for kind, distill in (("plain", 0.0), ("distilled", 1.0)):
        folder = _prepared(options, work / kind, distill)
        for _ in process.follow(folder, process.start(folder, WORKER)):
            pass
        taken = [e["seconds"] for e in all_events(folder) if e["event"] == "epoch"][1:]
        found[kind] = statistics.median(taken)
    found["ratio"] = round(found["distilled"] / found["plain"], 3)
    return found


def killed(options: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Kill a distilled training after two epochs; it must go on there, and go on distilling."""
    folder = _prepared(options, work / "killed", 1.0)
    for event in process.follow(folder, process.start(folder, WORKER)):
        if event["event"] == "epoch" and event["epoch"] == _KILLED_AFTER:
            process.kill(folder)
            break
    while process.running(folder):
        time.sleep(0.1)
    for _ in process.follow(folder, process.start(folder, WORKER)):
        pass
    events = all_events(folder)
    resumed = [e["resumed_at"] for e in events if e["event"] == "started"]
    losses = [e["loss"].get("distill_loss", 0) for e in events if e["event"] == "epoch"]
    assert resumed == [0, _KILLED_AFTER], resumed
    assert len(losses) == _EPOCHS and all(losses), losses
    return {"resumed_at": resumed[-1], "distill_loss": losses}


def batches(options: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Images a second and memory of a step by the size of the batch, without reading any."""
    import torch

    from edgeyolo.slim.net import build
    from edgeyolo.train.batch_size import Trial

    names = read_dataset(options.data).names
    device = choose_device("auto")
    if device == "cpu":
        return {"skipped": "no GPU"}
    found: dict[str, Any] = {}
    kinds = (("wide", SlimSpec(), 0.0), ("plain", _HALF, 0.0), ("distilled", _HALF, 1.0))
    for kind, spec, distill in kinds:
        teacher = build(SlimSpec(), names) if distill else None
        recipe = Recipe(1, options.imgsz, distill=distill)
        trial = Trial(build(spec, names), teacher, recipe, _BOXES, device)
        found[kind] = {}
        for batch in _BATCHES:
            needed = trial.needs(batch)
            if needed is None:
                break
            taken = []
            for turn in range(_TURNS + 2):  # two to warm up
                torch.cuda.synchronize()
                begin = time.perf_counter()
                trial.step(batch)
                torch.cuda.synchronize()
                if turn >= 2:
                    taken.append(time.perf_counter() - begin)
            rate = round(batch / statistics.median(taken))
            found[kind][batch] = {"images_per_s": rate, "mb": needed >> 20}
        del trial
    return found


def chain(options: argparse.Namespace, work: Path) -> dict[str, Any]:
    """The wide net is trained, half of it inherits and learns from it; batch auto, data cached.

    The training images are linked several times, so that an epoch is long enough to look at.
    """
    from edgeyolo.slim.checkpoint import open_checkpoint, save_checkpoint, spec_of
    from edgeyolo.slim.inherit import inherit

    data = _linked(options, work / "data")
    names = read_dataset(data).names
    source = open_checkpoint(options.from_)
    wide, _ = inherit(source, spec_of(source), names)
    recipe = Recipe(options.epochs, options.imgsz, batch=options.batch)
    found = {"wide": _trained(work / "wide", wide, Job(str(data), recipe))}
    teacher = work / "teacher.pt"
    save_checkpoint(open_checkpoint(work / "wide" / BEST), teacher)
    # The same batch for both: what a teacher costs is to be seen, not that a larger one fits.
    recipe = replace(recipe, batch=found["wide"]["batch"])
    for kind, distill in (("plain", 0.0), ("distilled", 1.0)):
        slim, _ = inherit(open_checkpoint(teacher), _HALF, names)
        job = Job(str(data), replace(recipe, distill=distill), str(teacher) if distill else None)
        found[kind] = _trained(work / kind, slim, job)
    seconds = {kind: found[kind]["train_s"] for kind in ("plain", "distilled")}
    found["ratio"] = round(seconds["distilled"] / seconds["plain"], 3)
    return found


def _linked(options: argparse.Namespace, folder: Path) -> Path:
    """A data set with every training image of the given one ``options.repeat`` times."""
    data = read_dataset(options.data)
    splits = {}
    for split, times in (("train", options.repeat), ("val", 1)):
        splits[split] = folder / "images" / split
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True)
        for image in data.images(split):
            label = label_path(image)
            for turn in range(times):
                name = f"{turn}-{image.stem}"
                (splits[split] / f"{name}{image.suffix}").symlink_to(image)
                if label.exists():
                    (folder / "labels" / split / f"{name}.txt").symlink_to(label)
    lines = [f"{split}: {place}" for split, place in splits.items()]
    write_text(folder / "data.yaml", "\n".join([*lines, f"names: {json.dumps(data.names)}"]) + "\n")
    return folder / "data.yaml"


def _trained(folder: Path, net: Any, job: Job) -> dict[str, Any]:
    """Train, and look at the GPU meanwhile; the first epoch, which warms up, does not count."""
    from edgeyolo.slim.checkpoint import save_checkpoint

    folder.mkdir()
    net.imgsz = job.recipe.imgsz
    save_checkpoint(net, folder / START)
    job.save(folder)
    with busy.Watch() as watch:
        for _ in process.follow(folder, process.start(folder, WORKER)):
            pass
    events = {kind: [e for e in all_events(folder) if e["event"] == kind] for kind in _KINDS}
    started, epochs = events["started"][-1], events["epoch"][1:]
    taken = statistics.median(e["train_seconds"] for e in epochs)
    return {
        "batch": started["batch"],
        "limit": events["chosen"][0]["limit"] if events["chosen"] else None,
        "images": started["images"],
        "images_per_s": round(started["images"] / taken, 1),
        "train_s": round(taken, 3),
        "waited_s": round(statistics.median(e["waited_seconds"] for e in epochs), 3),
        "epoch_s": round(statistics.median(e["seconds"] for e in epochs), 3),
        "gpu_mb": max((e["gpu_mb"] for e in epochs if "gpu_mb" in e), default=None),
        # Of the training part of the epochs alone, and of all of it with the validation.
        "busy_train": watch.share(_train_part(e) for e in epochs),
        "busy": watch.share((e["time"] - e["seconds"], e["time"]) for e in epochs),
        "map50_95": events["finished"][-1]["map50_95"],
    }


def _train_part(epoch: dict[str, Any]) -> tuple[float, float]:
    begin = epoch["time"] - epoch["seconds"]
    return begin, begin + epoch["train_seconds"]


def job(options: argparse.Namespace, work: Path) -> dict[str, Any]:
    """The whole command, from the data to the report."""
    command = [
        *(sys.executable, "-m", "edgeyolo", "slim"),
        *("--width", "0.125", "--data", str(options.data)),
        *("--from", str(options.from_), "--imgsz", str(options.imgsz), "--engine", options.engine),
        *("--wide-epochs", str(_EPOCHS), "--epochs", str(_EPOCHS), "--name", "gpu"),
    ]
    done = run(command, cwd=work, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"edgeyolo slim ended with {done.returncode}: {done.stderr[-2000:]}")
    return {"printed": done.stdout[-3000:], "told": done.stderr[-2000:]}


CHECKS: dict[str, Callable[[argparse.Namespace, Path], dict[str, Any]]] = {
    check.__name__: check for check in (machine, steps, epochs, killed, batches, chain, job)
}


def _prepared(options: argparse.Namespace, folder: Path, distill: float) -> Path:
    """A folder to train in: half of the starting net, which also teaches."""
    from edgeyolo.slim.checkpoint import open_checkpoint, save_checkpoint, spec_of
    from edgeyolo.slim.inherit import inherit

    names = read_dataset(options.data).names
    source = open_checkpoint(options.from_)
    wide, _ = inherit(source, spec_of(source), names)
    slim, _ = inherit(wide, _HALF, names)
    folder.mkdir()
    for net, path in ((wide, folder / "teacher.pt"), (slim, folder / START)):
        net.imgsz = options.imgsz
        save_checkpoint(net, path)
    recipe = Recipe(_EPOCHS, options.imgsz, distill=distill)
    Job(str(options.data), recipe, str(folder / "teacher.pt")).save(folder)
    return folder


def main() -> int:
    """Parse, check, write what was seen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--from", dest="from_", type=Path, required=True)
    parser.add_argument("--imgsz", type=int, default=320)
    parser.add_argument(
        "--sizes", type=lambda t: [int(s) for s in t.split(",")], default=[320, 640]
    )
    parser.add_argument("--epochs", type=int, default=6, help="of the chain")
    parser.add_argument(
        "--repeat", type=int, default=10, help="times each training image is linked"
    )
    parser.add_argument("--batch", type=int, help="of the chain [the largest that fits]")
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--engine", default="onnxruntime", help="of the job, comma-separated")
    parser.add_argument("--checks", type=lambda text: text.split(","), default=list(CHECKS))
    parser.add_argument("--results", type=Path, required=True)
    options = parser.parse_args()
    options.data, options.from_ = options.data.absolute(), options.from_.absolute()
    open_workshop()
    results: dict[str, Any] = {}
    failed = False
    with tempfile.TemporaryDirectory() as work:
        for name in options.checks:
            begin = time.monotonic()
            try:
                results[name] = CHECKS[name](options, Path(work))
            except Exception:
                results[name], failed = {"error": traceback.format_exc()}, True
            results[name]["took_s"] = round(time.monotonic() - begin, 1)
            print(json.dumps({name: results[name]}), flush=True)
            write_json(options.results, results)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
