"""What two machines find in the same photos, side by side; a part of ``arm_check.sh``.

    python tools/arm_compare.py copy DATA_YAML FOLDER IMAGES
    python tools/arm_compare.py compare FOUND --results arm.json

FOUND holds a folder for each place, of which ``x86-64`` is the reference, with three files for each
bundle: ``NAME.run`` (the lines of ``edgeyolo run --json``), ``NAME.val`` (what ``edgeyolo val
--json`` printed) and ``NAME.seconds`` (of the two). Ends with 1 when a place differs too much.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgeyolo.dataset.labels import label_path
from edgeyolo.dataset.read import read_dataset
from edgeyolo.device.boxes import areas, overlaps
from edgeyolo.files import write_json

REFERENCE = "x86-64"
_CONFIDENCE = 0.25  # of `edgeyolo run`
_MAP = 0.01  # what the mAP may differ by
_HALVES = ("cortex-a76",)  # where NCNN computes in fp16


@dataclass(frozen=True, slots=True)
class Limit:
    """What may differ."""

    iou: float  # at least, of two boxes
    score: float  # at most, of the two
    share: float  # at least, of the detections that keep to both


SAME = Limit(0.99, 0.01, 1.0)
# In int8 and in fp16 a hair in the input may round a value to the next step, and the layers pass
# that on; where boxes overlap by about as much as NMS allows, another one is left over.
NEAR = Limit(0.9, 0.05, 0.9)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One place against the reference, with one bundle."""

    place: str
    bundle: str
    limit: Limit
    detections: int  # of either side, each pair counted once
    same: int  # pairs, as SAME says
    near: int  # pairs, as NEAR says
    edge: int  # alone, with a score so near the threshold that a hair decides
    lowest_iou: float
    largest_score_difference: float
    map50_95: float
    map50_95_reference: float
    run_s: int
    val_s: int
    agrees: bool
    differences: tuple[str, ...]


def copy(data: Path, folder: Path, images: int) -> None:
    """The first images of the val split with their labels, as a data set of their own."""
    dataset = read_dataset(data)
    for part in ("images/val", "labels/val"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for image in dataset.images("val")[:images]:
        shutil.copy(image, folder / "images/val")
        if label_path(image).is_file():
            shutil.copy(label_path(image), folder / "labels/val")
    names = json.dumps(dataset.names)  # JSON is YAML
    text = f"train: images/val\nval: images/val\nnames: {names}\n"
    (folder / "data.yaml").write_text(text, encoding="utf-8")


def compare(found: Path) -> list[Comparison]:
    """Every place and bundle that is complete, against the reference."""
    done = sorted(found.glob("*/*.seconds"))
    places = [(path.parent.name, path.stem) for path in done if path.parent.name != REFERENCE]
    return [_compared(found, place, bundle) for place, bundle in places]


def _compared(found: Path, place: str, bundle: str) -> Comparison:
    theirs, ours = found / REFERENCE, found / place
    frames = list(zip(_frames(theirs, bundle), _frames(ours, bundle), strict=True))
    pairs = [pair for a, b in frames for pair in _pairs(a, b)]
    alone = [one for a, b in frames for one in _alone(a, b)]
    lost = [one for one in alone if one["score"] > _CONFIDENCE + SAME.score]
    limit = _limit(place, bundle)
    beyond = [pair for pair in pairs if not _within(limit, *pair)]
    before, after = (_map(side, bundle) for side in (theirs, ours))
    run_s, val_s = map(int, (ours / f"{bundle}.seconds").read_text().split())
    share = (len(pairs) - len(beyond)) / max(1, len(pairs) + len(lost))
    return Comparison(
        place,
        bundle,
        limit,
        detections=len(pairs) + len(alone),
        same=sum(_within(SAME, *pair) for pair in pairs),
        near=sum(_within(NEAR, *pair) for pair in pairs),
        edge=len(alone) - len(lost),
        lowest_iou=round(min((iou for *_, iou in pairs), default=1.0), 4),
        largest_score_difference=round(max((_apart(a, b) for a, b, _ in pairs), default=0.0), 4),
        map50_95=after,
        map50_95_reference=before,
        run_s=run_s,
        val_s=val_s,
        agrees=bool(pairs) and share >= limit.share and abs(before - after) <= _MAP,
        differences=tuple([_told(*pair) for pair in beyond] + [_told(one) for one in lost]),
    )


def _limit(place: str, bundle: str) -> Limit:
    halves = bundle.startswith("ncnn") and place.endswith(_HALVES)
    return NEAR if halves or bundle.endswith("int8") else SAME


def _map(side: Path, bundle: str) -> float:
    return float(json.loads((side / f"{bundle}.val").read_text(encoding="utf-8"))["map50_95"])


def _frames(side: Path, bundle: str) -> list[list[dict[str, Any]]]:
    lines = (side / f"{bundle}.run").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["detections"] for line in lines]


def _pairs(
    a: list[dict[str, Any]], b: list[dict[str, Any]]
) -> list[tuple[dict[str, Any], dict[str, Any], float]]:
    """Each of ``a`` with the one of ``b``, of its class, that it overlaps most, and by how much."""
    free, found = list(b), []
    for one in a:
        near = [(_iou(one, other), index) for index, other in enumerate(free)]
        near = [(iou, i) for iou, i in near if free[i]["class_id"] == one["class_id"] and iou > 0.5]
        if near:
            iou, index = max(near)
            found.append((one, free.pop(index), iou))
    return found


def _alone(a: list[dict[str, Any]], b: list[dict[str, Any]]) -> list[dict[str, Any]]:
    pairs = _pairs(a, b)
    paired = [id(one) for pair in pairs for one in pair[:2]]
    return [one for one in a + b if id(one) not in paired]


def _iou(a: dict[str, Any], b: dict[str, Any]) -> float:
    boxes = np.array([a["xyxy"], b["xyxy"]], np.float64)
    return float(overlaps(boxes[0], areas(boxes)[0], boxes[1:], areas(boxes)[1:])[0])


def _apart(a: dict[str, Any], b: dict[str, Any]) -> float:
    return abs(float(a["score"]) - float(b["score"]))


def _within(limit: Limit, a: dict[str, Any], b: dict[str, Any], iou: float) -> bool:
    return iou >= limit.iou and _apart(a, b) <= limit.score


def _told(a: dict[str, Any], b: dict[str, Any] | None = None, iou: float = 0.0) -> str:
    where = f"{a['class_name']} {a['score']:.4f} {a['xyxy']}"
    return f"{where} against {b['score']:.4f} {b['xyxy']}, IoU {iou:.4f}" if b else f"{where} alone"


_HEAD = (
    *("place", "bundle", "detections", "same", "near", "at the threshold"),
    *("IoU from", "score within", "mAP50-95 (x86-64)", "s run + val", ""),
)


def table(found: list[Comparison]) -> str:
    """A line for each place and bundle, as Markdown."""
    rows = [_HEAD, ("---",) * len(_HEAD), *map(_row, found)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _row(one: Comparison) -> tuple[str, ...]:
    return (
        *(one.place, one.bundle, *map(str, (one.detections, one.same, one.near, one.edge))),
        *(f"{one.lowest_iou:.4f}", f"{one.largest_score_difference:.4f}"),
        f"{one.map50_95:.4f} ({one.map50_95_reference:.4f})",
        *(f"{one.run_s} + {one.val_s}", "agrees" if one.agrees else "DIFFERS"),
    )


def main() -> int:
    """Parse, copy or compare, show."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    copying = commands.add_parser("copy")
    for name, kind in (("data", Path), ("folder", Path), ("images", int)):
        copying.add_argument(name, type=kind)
    comparing = commands.add_parser("compare")
    comparing.add_argument("found", type=Path)
    comparing.add_argument("--results", type=Path, required=True)
    options = parser.parse_args()
    if options.command == "copy":
        copy(options.data, options.folder, options.images)
        return 0
    return _compare(options.found, options.results)


def _compare(found: Path, results: Path) -> int:
    compared = compare(found)
    print(table(compared))
    for one in compared:
        for sentence in one.differences:
            print(f"{one.place} {one.bundle}: {sentence}")
    places = {
        path.parent.name: json.loads(path.read_text()) for path in found.glob("*/environment")
    }
    limits = {"same": asdict(SAME), "near": asdict(NEAR), "map50_95": _MAP}
    cases = [asdict(one) for one in compared]
    qemu = (found / "qemu").read_text(encoding="utf-8").strip()
    write_json(results, {"qemu": qemu, "limits": limits, "places": places, "cases": cases})
    return int(not compared or not all(one.agrees for one in compared))


if __name__ == "__main__":
    sys.exit(main())
