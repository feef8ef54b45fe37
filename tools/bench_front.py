"""Slim nets against the wide net at smaller sizes: latency and mAP of the exported files.

    python tools/bench_front.py --data bccd/data.yaml --imgsz 320 --wide wide.pt \
        --retrained wide192.pt --results docs/front_bccd.json slim.pt smaller.pt

The wide net is exported at ``--imgsz`` and at every smaller side, wide nets that were trained at a
smaller side there, each slim net at ``--imgsz``. All are timed in turns, so that what counts is the
ratio to the wide net in the same round. A slim net is ahead where no size of a wide net is as fast
and as accurate.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from edgeyolo.dataset.check import load_split
from edgeyolo.dataset.read import Dataset, read_dataset
from edgeyolo.device.bundle import Bundle
from edgeyolo.export.bundle import write_bundle
from edgeyolo.files import read_json, write_json
from edgeyolo.measure.accuracy import evaluate_bundle, paired_difference
from edgeyolo.measure.environment import environment
from edgeyolo.measure.latency import LatencySamples, Subject, measure, ratio
from edgeyolo.slim.checkpoint import imgsz_of, open_checkpoint, spec_of
from edgeyolo.slim.spec import GRID

_IMAGES = 16


def bench(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Export, evaluate and time everything."""
    dataset = read_dataset(options.data.absolute())
    points = [("wide", options.wide, side) for side in (options.imgsz, *options.sizes)]
    points += [("retrained", path, imgsz_of(open_checkpoint(path))) for path in options.retrained]
    points += [("slim", path, options.imgsz) for path in options.slim]
    bundles = []
    for index, (_, checkpoint, imgsz) in enumerate(points):
        out = folder / str(index)
        write_bundle(open_checkpoint(checkpoint), imgsz, options.engines, out)
        bundles.append(Bundle.open(out))
    samples = load_split(dataset, options.split)
    found = [evaluate_bundle(bundle, samples, options.engines[0]) for bundle in bundles]
    times = {engine: _times(bundles, engine, dataset, options) for engine in options.engines}
    rows = []
    for index, (kind, checkpoint, imgsz) in enumerate(points):
        difference, bounds = paired_difference(found[index], found[0])
        rows.append(
            {
                "net": spec_of(open_checkpoint(checkpoint)).name,
                "imgsz": imgsz,
                "kind": kind,
                "map50_95": found[index].map50_95,
                "map50_95_ci": found[index].to_dict()["map50_95_ci"],
                "versus_wide": [round(v, 4) for v in (difference, *bounds)],
                "time_ratio": {e: ratio(t[index], t[0]) for e, t in times.items()},
            }
        )
    return {"split": options.split, "environment": environment(), "rows": rows}


def _times(
    bundles: list[Bundle], engine: str, dataset: Dataset, options: argparse.Namespace
) -> list[LatencySamples]:
    images = dataset.images(options.split)[:_IMAGES]
    return measure([Subject(b.root, engine) for b in bundles], images, rounds=options.rounds)


def table(results: dict[str, Any]) -> str:
    """Markdown, with the wide net's best at no more time beside each slim net."""
    rows = results["rows"]
    engines = list(rows[0]["time_ratio"])
    lines = [
        "| net | px | mAP50-95 | to the wide net, points | "
        + " | ".join(f"time × wide, {engine}" for engine in engines)
        + " | wide net at no more time |",
        "|---|---|---|---|" + "---|" * (len(engines) + 1),
    ]
    for row in rows:
        low, high = row["map50_95_ci"]
        delta, below, above = (100 * value for value in row["versus_wide"])
        cells = [
            row["net"] + (", trained there" if row["kind"] == "retrained" else ""),
            str(row["imgsz"]),
            f"{row['map50_95']:.3f} [{low:.3f}, {high:.3f}]",
            f"{delta:+.1f} [{below:+.1f}, {above:+.1f}]",
            *(
                "{median:.2f} ({low:.2f}–{high:.2f})".format(**row["time_ratio"][e])
                for e in engines
            ),
            "" if row["kind"] != "slim" else " / ".join(_rival(row, rows, e) for e in engines),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _rival(row: dict[str, Any], rows: list[dict[str, Any]], engine: str) -> str:
    limit = row["time_ratio"][engine]["median"]
    rivals = [r for r in rows if r["kind"] != "slim" and r["time_ratio"][engine]["median"] <= limit]
    if not rivals:
        return "none"
    best = max(rivals, key=lambda r: r["map50_95"])
    there = ", trained there" if best["kind"] == "retrained" else ""
    return f"{best['map50_95']:.3f} at {best['imgsz']}{there}"


def main() -> None:
    """Parse, measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("slim", type=Path, nargs="*", help="checkpoints of slim nets")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--wide", type=Path, required=True)
    parser.add_argument("--retrained", type=Path, action="append", default=[])
    parser.add_argument("--imgsz", type=int, default=640)
    parser.add_argument(
        "--sizes",
        type=lambda text: [int(side) for side in text.split(",")],
        help="sides for the wide net [all down to 0.4 of --imgsz]",
    )
    parser.add_argument(
        "--engines", type=lambda t: tuple(t.split(",")), default=("onnxruntime", "ncnn", "openvino")
    )
    parser.add_argument("--split", default="val")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--show", action="store_true", help="only print the table")
    options = parser.parse_args()
    if options.sizes is None:
        options.sizes = list(range(options.imgsz - GRID, int(0.4 * options.imgsz) - 1, -GRID))
    if not options.show:
        with tempfile.TemporaryDirectory() as folder:
            write_json(options.results, bench(options, Path(folder)))
    print(table(read_json(options.results)))


if __name__ == "__main__":
    main()
