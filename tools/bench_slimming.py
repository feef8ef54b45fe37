"""What each part of slimming is worth, on one data set: trains every row of a table, resumably.

    python tools/bench_slimming.py --data bccd/data.yaml --from yolov8n.pt --imgsz 320 \
        --work /tmp/bench --results docs/slimming_bccd.json

Every row is a net trained with the same schedule; the wide net is trained once, with seed 0
(``--rows wide``: it alone). Runs that have ended are in the results and are not repeated; a killed
one goes on where its last epoch ended, and one that survived the bench is attended to. ``--show``
only prints the table. mAP is of the exported file (ONNX Runtime, COCO protocol); the results also
hold what ultralytics' own validator says of the checkpoint.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import random
import shutil
import statistics
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from stock_validation import stock_map

from edgeyolo.dataset.check import load_split
from edgeyolo.dataset.labels import label_path
from edgeyolo.dataset.read import Dataset, read_dataset
from edgeyolo.device.bundle import Bundle
from edgeyolo.files import read_json, sha256, write_json
from edgeyolo.jobs import process
from edgeyolo.jobs.events import all_events
from edgeyolo.measure.accuracy import evaluate_bundle
from edgeyolo.plan.plan import Plan
from edgeyolo.slim.cost import cost
from edgeyolo.slim.spec import SlimSpec
from edgeyolo.train.folder import BEST, START, WORKER
from edgeyolo.train.recipe import Job, Recipe

_BEFORE = "before.json"  # what a net that was just made detects
HALF = SlimSpec(width=0.125)


@dataclass(frozen=True)
class Row:
    """A net and how it comes by its weights."""

    spec: SlimSpec = HALF
    start: str = "inherit"  # or scratch, or names: what ultralytics' own loader would copy
    importance: str = "taylor"
    fit: bool = True
    distill: float = 1.0
    features: float = 0.0
    gradual: int = 1  # steps


ROWS = {
    "scratch": Row(start="scratch", distill=0),
    "by name and shape": Row(start="names", distill=0),
    "inherited, L2": Row(importance="l2", fit=False, distill=0),
    "inherited, L1": Row(importance="l1", fit=False, distill=0),
    "inherited, BatchNorm": Row(importance="bn", fit=False, distill=0),
    "inherited, Taylor": Row(fit=False, distill=0),
    "inherited, Taylor, fitted": Row(distill=0),
    "inherited, L2, distilled": Row(importance="l2", fit=False),
    "inherited, Taylor, distilled": Row(fit=False),
    "default: and distilled": Row(),
    "default, gradual": Row(gradual=2),
    "default, half the distillation": Row(distill=0.5),
    "default, twice the distillation": Row(distill=2.0),
    "default, features distilled": Row(features=1.0),
    "small": Row(SlimSpec(width=0.125, heads=("P3", "P4"), reg_max=8)),
    "tiny": Row(SlimSpec(width=0.09375, heads=("P3", "P4"), reg_max=8)),
    "default and P3,P4": Row(HALF.with_(heads=("P3", "P4"))),
    "default and P4,P5": Row(HALF.with_(heads=("P4", "P5"))),
    "default and depth 0.1": Row(HALF.with_(depth=0.1)),
    "default and reg_max 8": Row(HALF.with_(reg_max=8)),
    "default and reg_max 1": Row(HALF.with_(reg_max=1)),
    "default and max_channels 512": Row(HALF.with_(max_channels=512)),
    "default and ReLU": Row(HALF.with_(activation="relu")),
    "lever: P3,P4": Row(SlimSpec(heads=("P3", "P4"))),
    "lever: P4,P5": Row(SlimSpec(heads=("P4", "P5"))),
    "lever: depth 0.1": Row(SlimSpec(depth=0.1)),
    "lever: reg_max 8": Row(SlimSpec(reg_max=8)),
    "lever: reg_max 1": Row(SlimSpec(reg_max=1)),
    "lever: max_channels 512": Row(SlimSpec(max_channels=512)),
    "lever: ReLU": Row(SlimSpec(activation="relu")),
}
# With every seed.
MAIN = (
    "scratch",
    "inherited, L2",
    "inherited, Taylor",
    "inherited, Taylor, fitted",
    "inherited, L2, distilled",
    "inherited, Taylor, distilled",
    "default: and distilled",
    "default, gradual",
    "small",
    "tiny",
)


class Bench:
    """One data set, one schedule, one folder to work in. Each process has its own."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.dataset = read_dataset(options.data.absolute())
        if options.images:
            self.dataset = read_dataset(_fewer(self.dataset, options.images, options.work))
        from edgeyolo.slim.checkpoint import open_checkpoint, spec_of

        self.wide_spec = spec_of(open_checkpoint(options.from_))
        # Weights that know the classes are taken as they are.
        self.wide_net = options.work / "wide" / (BEST if options.wide_epochs else START)

    def wide(self) -> None:
        """Train the starting net on the data, once."""
        from edgeyolo.slim.checkpoint import open_checkpoint
        from edgeyolo.slim.inherit import inherit

        folder = self.options.work / "wide"
        if not (folder / START).exists() and not process.is_finished(folder):
            source = open_checkpoint(self.options.from_)
            net, _ = inherit(source, self.wide_spec, self.dataset.names)
            self._save(net, folder / START)
        if self.options.wide_epochs:
            self._train(folder, self._recipe(self.options.wide_epochs, 0, Row(distill=0)), None)

    def start(self, name: str, seed: int) -> Path:
        """The weights that a row starts from, made once for all rows that start alike."""
        row = ROWS[name]
        spec, _ = self._steps(row, seed)[0]
        way = f"{row.start}-{row.importance}-{'fit' if row.fit else 'plain'}"
        folder = self.options.work / "starts" / f"{spec.name}-{way}-s{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:  # rows that start alike may come at once
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / _BEFORE).exists():
                self._make_start(folder, row, spec, self.wide_net, seed)
        return folder

    def run(self, name: str, seed: int) -> dict[str, Any]:
        """Train one row with one seed, and say what came out."""
        row, source = ROWS[name], self.wide_net
        folder = self.options.work / f"{name.replace(' ', '-').replace(':', '')}-s{seed}"
        steps = self._steps(row, seed)
        before = None
        for index, (spec, recipe) in enumerate(steps, start=1):
            place = folder if index == len(steps) else folder / f"step{index}"
            if not process.is_finished(place) and not (place / START).exists():
                if index == 1:
                    place.mkdir(parents=True, exist_ok=True)
                    for file in (_BEFORE, START):
                        shutil.copy(self.start(name, seed) / file, place)
                else:
                    self._make_start(place, row, spec, source, seed)
            if (place / _BEFORE).exists():
                before = read_json(place / _BEFORE)["map50_95"]
            self._train(place, recipe, self.wide_net if row.distill else None)
            source = place / BEST
        return self.record(folder / BEST, row.spec, before)

    def record_wide(self) -> dict[str, Any]:
        """The row of the net that the others start from."""
        return self.record(self.wide_net, self.wide_spec, None)

    def record(self, weights: Path, spec: SlimSpec, before: float | None) -> dict[str, Any]:
        """What the results keep of a training that has ended, or of weights that had none."""
        accuracy = self._accuracy(weights)
        samples = load_split(self.dataset, self.options.split)
        stock = stock_map(weights, self.dataset.path, samples, self.options.imgsz)
        whole = cost(spec, len(self.dataset.names), 640)
        events = all_events(weights.parent.parent)  # none of weights as they came
        epochs = [event for event in events if event["event"] == "epoch"]
        return {
            "spec": spec.name,
            "parameters": whole.parameters,
            "gflops_640": round(whole.gflops, 3),
            "map50_95": accuracy["map50_95"],
            "map50_95_ci": accuracy["map50_95_ci"],
            "map50_95_ultralytics": round(stock, 4),
            "before_training": before,
            "epochs": len(epochs),
            **(_pace(events, epochs) if epochs else {}),
        }

    def _steps(self, row: Row, seed: int) -> list[tuple[SlimSpec, Recipe]]:
        recipe = self._recipe(self.options.epochs, seed, row)
        plan = Plan("", "", False, None, row.spec, (), recipe, 1, gradual=row.gradual)
        return list(plan.steps(self.wide_spec))

    def _recipe(self, epochs: int, seed: int, row: Row) -> Recipe:
        o = self.options
        return Recipe(epochs, o.imgsz, o.batch, o.device, seed, row.distill, row.features)

    def _make_start(self, folder: Path, row: Row, spec: SlimSpec, source: Path, seed: int) -> None:
        from edgeyolo.slim.checkpoint import open_checkpoint
        from edgeyolo.slim.examples import load_examples
        from edgeyolo.slim.inherit import inherit
        from edgeyolo.slim.net import build

        net, wide = build(spec, self.dataset.names, seed), open_checkpoint(source)
        if row.start == "names":
            net.load(wide, verbose=False)
        elif row.start == "inherit":
            examples = load_examples(load_split(self.dataset, "train"), self.options.imgsz, seed)
            net, _ = inherit(wide, spec, self.dataset.names, examples, row.importance, fit=row.fit)
        self._save(net, folder / START)
        known = row.start == "inherit"
        before = self._accuracy(folder / START)["map50_95"] if known else None
        write_json(folder / _BEFORE, {"map50_95": before})

    def _save(self, net: Any, path: Path) -> None:
        from edgeyolo.slim.checkpoint import save_checkpoint

        path.parent.mkdir(parents=True, exist_ok=True)
        net.imgsz = self.options.imgsz
        save_checkpoint(net, path)

    def _train(self, folder: Path, recipe: Recipe, teacher: Path | None) -> None:
        if process.is_finished(folder):
            return
        if not process.running(folder):
            Job(str(self.dataset.path), recipe, str(teacher) if teacher else None).save(folder)
        for _ in process.follow(folder, process.start(folder, WORKER)):
            pass

    def _accuracy(self, checkpoint: Path) -> dict[str, Any]:
        from edgeyolo.export.bundle import write_bundle
        from edgeyolo.slim.checkpoint import open_checkpoint

        out = checkpoint.parent / f"bundle-{checkpoint.stem}"
        net = open_checkpoint(checkpoint)
        write_bundle(net, self.options.imgsz, ("onnxruntime",), out, force=True)
        samples = load_split(self.dataset, self.options.split)
        return evaluate_bundle(Bundle.open(out), samples, "onnxruntime").to_dict()


class Results:
    """What is known so far, in a file that is written after each row."""

    def __init__(self, options: argparse.Namespace, bench: Bench) -> None:
        self.path = options.results
        conditions = {
            name: getattr(options, name)
            for name in ("imgsz", "epochs", "wide_epochs", "batch", "images", "split")
        }
        conditions |= {"from": sha256(options.from_), "data": bench.dataset.fingerprint()}
        self.content: dict[str, Any] = {"conditions": conditions, "runs": {}}
        if self.path.exists():
            self.content = read_json(self.path)
            stored = self.content["conditions"]
            differ = any(stored.get(name, value) != value for name, value in conditions.items())
            if differ and not options.show:
                raise SystemExit(f"{self.path} is of {stored}, not of {conditions}")
            self.content["conditions"] = conditions

    def add(self, name: str, seed: int, entry: dict[str, Any]) -> None:
        """Keep a row's figures."""
        self.content["runs"][_key(name, seed)] = entry
        write_json(self.path, self.content)
        print(f"{_key(name, seed)}: {entry['map50_95']:.3f}", flush=True)

    def missing(self, rows: list[str] | None, seeds: list[int]) -> Iterator[tuple[str, int]]:
        """Rows and seeds that are not known yet, the most telling first."""
        wanted = [name for name in ROWS if not rows or name in rows]
        wanted.sort(key=lambda name: name not in MAIN)
        for seed in seeds:
            for name in wanted:
                if (seed == 0 or name in MAIN) and _key(name, seed) not in self.content["runs"]:
                    yield name, seed


def _pace(events: list[dict[str, Any]], epochs: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "device": next(event["device"] for event in events if event["event"] == "started"),
        "seconds_per_epoch": round(statistics.median(event["seconds"] for event in epochs), 1),
    }


def _in_a_process(method: str, options: argparse.Namespace, *arguments: Any) -> Any:
    return getattr(Bench(options), method)(*arguments)


def train_missing(options: argparse.Namespace, results: Results) -> None:
    """Train what is not known yet, ``--jobs`` at a time.

    Each in a process of its own: ultralytics keeps the activation of the net it builds in a global.
    """
    bench = Bench(options)
    bench.wide()
    pending = list(results.missing(options.rows, options.seeds))
    # Of the trainings and of what prepares them, which are processes of their own.
    os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // options.jobs))
    with ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
        trainings = {pool.submit(_in_a_process, "run", options, *row): row for row in pending}
        if _key("wide", 0) not in results.content["runs"]:
            trainings[pool.submit(_in_a_process, "record_wide", options)] = ("wide", 0)
        for done in as_completed(trainings):
            if error := done.exception():  # the others go on
                print(f"{_key(*trainings[done])} failed: {error!r}", flush=True)
            else:
                results.add(*trainings[done], done.result())


def _key(name: str, seed: int) -> str:
    return f"{name} / {seed}"


def _fewer(dataset: Dataset, count: int, work: Path) -> Path:
    """A data set with some of the training images; the files are linked."""
    chosen = random.Random(0).sample(dataset.images("train"), count)
    folder = work / "data"
    for split in dataset.splits:
        images = chosen if split == "train" else dataset.images(split)
        for path in [*images, *map(label_path, images)]:
            link = folder / ("images" if path in images else "labels") / split / path.name
            link.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and not link.exists():
                link.symlink_to(path)
    content = {split: f"images/{split}" for split in dataset.splits}
    (folder / "data.yaml").write_text(json.dumps({**content, "names": list(dataset.names)}))
    return folder / "data.yaml"


def table(results: dict[str, Any]) -> str:
    """Markdown: a line for each row: mean, range over seeds, interval over images of the first."""
    lines = [
        "| row | net | parameters | GFLOPs at 640 | before training | mAP50-95 | by ultralytics | "
        "seeds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in ("wide", *ROWS):
        found = [v for k, v in results["runs"].items() if k.startswith(f"{name} / ")]
        if not found:
            continue
        values = [entry["map50_95"] for entry in found]
        seeds = f" ({min(values):.3f}–{max(values):.3f})" if values[1:] else ""
        low, high = found[0]["map50_95_ci"]
        spread = f"{statistics.mean(values):.3f}{seeds} [{low:.3f}, {high:.3f}]"
        first = found[0]
        stock = statistics.mean(entry["map50_95_ultralytics"] for entry in found)
        before = "" if first["before_training"] is None else f"{first['before_training']:.3f}"
        lines.append(
            f"| {name} | {first['spec']} | {first['parameters'] / 1e6:.2f} M | "
            f"{first['gflops_640']:.2f} | {before} | {spread} | "
            f"{stock:.3f} | {len(values)} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Parse, run what is missing, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--from", dest="from_", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder for trainings")
    parser.add_argument("--results", type=Path, required=True, help="JSON, added to")
    parser.add_argument("--imgsz", type=int, default=640)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--wide-epochs", type=int, default=40, help="0: the classes are the same")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--images", type=int, help="train on so many images only")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--split", default="val", help="which split the table is about")
    parser.add_argument("--seeds", type=lambda t: [int(s) for s in t.split(",")], default=[0, 1, 2])
    parser.add_argument("--rows", type=lambda text: text.split("+"), help="names, joined by +")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time, sharing cores")
    parser.add_argument("--show", action="store_true", help="only print the table")
    options = parser.parse_args()
    options.work = options.work.absolute()
    unknown = set(options.rows or ()) - set(ROWS) - {"wide"}
    if unknown:
        parser.error(f"no row {unknown.pop()!r}; there are {', '.join(ROWS)}")
    results = Results(options, Bench(options))
    pending = [] if options.show else list(results.missing(options.rows, options.seeds))
    if pending or (not options.show and "wide" in (options.rows or ())):
        train_missing(options, results)
    print(table(results.content))


if __name__ == "__main__":
    main()
