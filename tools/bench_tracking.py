"""The tracker on scenes whose truth is known: how often ids are mixed up, and what it costs.

    python tools/bench_tracking.py --seeds 20

Walkers of two classes cross a picture of 1280x720, in front of each other and behind pillars. The
detector is simulated: a box of something half hidden scores low, boxes jitter, some are missed,
some are of nothing. Where the package ``trackers`` is installed, its ByteTrack follows the same
boxes for comparison.

MOTA and switches as in CLEAR MOT (Bernardin and Stiefelhagen 2008, doi:10.1155/2008/246309), IDF1
as in Ristani et al. 2016 (arXiv:1609.01775), both at an IoU of 0.5. An object of which more than
0.9 is hidden is not asked for. Times are of the processor, not of the clock on the wall.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeyolo.device.boxes import areas, overlaps
from edgeyolo.device.detections import Detections
from edgeyolo.device.tracking.assignment import assign
from edgeyolo.device.tracking.tracker import Tracker

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Follow = Callable[[Detections, float], Detections]

WIDTH, HEIGHT, FPS = 1280, 720, 30
_HIT = 0.5  # IoU of a box that is right


@dataclass(frozen=True, slots=True)
class Scene:
    """What happens, and how well it is detected."""

    name: str
    objects: int = 12
    frames: int = 300
    speed: float = 150.0  # pixels per second
    score: float = 0.8  # of something in full view
    missed: float = 0.05
    jitter: float = 0.03  # of the size
    false: float = 0.3  # boxes of nothing per frame
    pillars: int = 3
    every: int = 1
    dropped: float = 0.0  # frames that never come


SCENES = (
    Scene("street"),
    Scene("crowd", objects=40, pillars=0),
    Scene("small net", score=0.5, missed=0.15, jitter=0.06, false=1.0),
    Scene("every 3rd frame", every=3, frames=600),
    Scene("6 frames a second", every=5, frames=900, speed=120),
    Scene("frames dropped", dropped=0.7, frames=900),
    Scene("fast", speed=500, objects=8),
)


@dataclass(frozen=True, slots=True)
class Moment:
    """One frame: what is there, and what a detector says."""

    time_s: float
    boxes: Floats  # (K, 4) xyxy
    object_id: Ints  # (K,)
    found: Detections


def play(scene: Scene, seed: int) -> Iterator[Moment]:
    """The frames of a scene; the same ones for the same seed."""
    chance = np.random.default_rng([seed, sum(map(ord, scene.name))])
    sides = chance.uniform(30, 90, scene.objects)[:, None] * np.array([[1.0, 2.2]])
    class_id = chance.integers(0, 2, scene.objects)
    pillars = np.array(
        [[x, 0, x + 60, HEIGHT] for x in np.linspace(200, WIDTH - 260, scene.pillars)]
    ).reshape(-1, 4)
    paths = _walk(scene, chance)
    for index, centers in enumerate(paths):
        if index % scene.every or chance.random() < scene.dropped:
            continue
        boxes = np.concatenate([centers - sides / 2, centers + sides / 2], axis=1)
        visible = _visible(boxes, pillars)
        found = _detect(scene, boxes, class_id, visible, chance)
        there = np.flatnonzero(visible > 0.1)
        yield Moment(index / FPS, boxes[there], there, found)


def _walk(scene: Scene, chance: np.random.Generator) -> Iterator[Floats]:
    """(objects, 2) centers of each frame: speeds change slowly, and turn at the border."""
    place = chance.uniform([60, 120], [WIDTH - 60, HEIGHT - 120], (scene.objects, 2))
    angle = chance.uniform(0, 2 * np.pi, scene.objects)
    speed = scene.speed * chance.uniform(0.5, 1.5, (scene.objects, 1))
    move = speed * np.stack([np.cos(angle), 0.4 * np.sin(angle)], axis=1)
    for _ in range(scene.frames):
        move += chance.normal(0, scene.speed * 0.6 / FPS**0.5, move.shape)
        move -= 0.3 / FPS * move * (np.abs(move) > 1.5 * scene.speed)
        out = (place < [40, 100]) & (move < 0) | (place > [WIDTH - 40, HEIGHT - 100]) & (move > 0)
        move[out] *= -1
        place = place + move / FPS
        yield place


def _visible(boxes: Floats, pillars: Floats) -> Floats:
    """(K,) the share of each box that nothing covers: who stands lower is nearer."""
    grid = (np.arange(12) + 0.5) / 12
    nearness = boxes[:, 3]
    result = np.empty(len(boxes))
    for index, (left, top, right, bottom) in enumerate(boxes):
        x, y = np.meshgrid(left + grid * (right - left), top + grid * (bottom - top))
        covers = np.concatenate([boxes[nearness > nearness[index]], pillars])[:, :, None, None]
        inside = (covers[:, 0] < x) & (x < covers[:, 2]) & (covers[:, 1] < y) & (y < covers[:, 3])
        result[index] = 1 - inside.any(axis=0).mean()
    return result


def _detect(
    scene: Scene, boxes: Floats, class_id: Ints, visible: Floats, chance: np.random.Generator
) -> Detections:
    score = scene.score * visible + chance.normal(0, 0.08, len(boxes))
    seen = (chance.random(len(boxes)) >= scene.missed) & (visible > 0.15) & (score > 0.05)
    size = np.sqrt(areas(boxes))[:, None]
    told = boxes + chance.normal(0, scene.jitter, boxes.shape) * size
    count = chance.poisson(scene.false)
    corner = chance.uniform([0, 0], [WIDTH - 90, HEIGHT - 198], (count, 2))
    ghosts = np.concatenate([corner, corner + chance.uniform(30, 198, (count, 2))], axis=1)
    xyxy = np.concatenate([told[seen], ghosts]).astype(np.float32)
    scores = np.concatenate([score[seen], chance.uniform(0.05, 0.5, count)]).clip(0, 1)
    classes = np.concatenate([class_id[seen], chance.integers(0, 2, count)])
    best = np.argsort(-scores)
    return Detections(xyxy[best], scores[best].astype(np.float32), classes[best].astype(np.int64))


@dataclass
class Tally:
    """Counts of one or several sequences; each has ids of its own."""

    asked: int = 0
    missed: int = 0
    false: int = 0
    switches: int = 0
    identity_hits: int = 0
    told: int = 0

    @property
    def mota(self) -> float:
        """1 is perfect; it can be below 0."""
        return 1 - (self.missed + self.false + self.switches) / max(1, self.asked)

    @property
    def idf1(self) -> float:
        """How much of the truth and of what is told has the right id, 0..1."""
        return 2 * self.identity_hits / max(1, self.asked + self.told)

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, k) + getattr(other, k) for k in self.__dataclass_fields__))


def judge(moments: Sequence[Moment], told: Sequence[Detections]) -> Tally:
    """Compare what a tracker told of each moment with the truth; boxes without id do not count."""
    tally = Tally()
    last: dict[int, int] = {}  # the id that each object had when it was last found
    together: dict[tuple[int, int], int] = {}
    for moment, found in zip(moments, told, strict=True):
        ids = found.track_id
        assert ids is not None
        boxes, ids = found.xyxy[ids >= 0].astype(np.float64), ids[ids >= 0].tolist()
        near = _near(moment.boxes, boxes)
        for a, b in zip(*np.nonzero(near), strict=True):
            pair = (int(moment.object_id[a]), ids[b])
            together[pair] = together.get(pair, 0) + 1
        pairs = _pairs(near, moment.object_id.tolist(), ids, last)
        tally.switches += sum(last.get(a, b) != b for a, b in pairs)
        last.update(pairs)
        tally.asked += len(moment.boxes)
        tally.told += len(ids)
        tally.missed += len(moment.boxes) - len(pairs)
        tally.false += len(ids) - len(pairs)
    tally.identity_hits = _identity_hits(together)
    return tally


def _near(truth: Floats, boxes: Floats) -> Floats:
    """(K, N) IoU where it is enough, else 0."""
    if not len(truth) or not len(boxes):
        return np.zeros((len(truth), len(boxes)))
    size, sizes = areas(truth), areas(boxes)
    result = np.stack([overlaps(truth[k], size[k], boxes, sizes) for k in range(len(truth))])
    return np.where(result >= _HIT, result, 0.0)


def _pairs(
    near: Floats, objects: list[int], ids: list[int], last: dict[int, int]
) -> list[tuple[int, int]]:
    """Object and id; pairs of the frame before go first."""
    worth = near.copy()
    for row, number in enumerate(objects):
        for column, track in enumerate(ids):
            if near[row, column] and last.get(number) == track:
                worth[row, column] += 10
    rows, columns = assign(worth)
    return [(objects[a], ids[b]) for a, b in zip(rows, columns, strict=True)]


def _identity_hits(together: dict[tuple[int, int], int]) -> int:
    objects = sorted({a for a, _ in together})
    ids = sorted({b for _, b in together})
    worth = np.zeros((len(objects), len(ids)))
    for (a, b), count in together.items():
        worth[objects.index(a), ids.index(b)] = count
    return int(worth[assign(worth)].sum())


def ours() -> Follow:
    """A fresh tracker of edgeyolo."""
    return Tracker().update


def theirs() -> Follow:
    """A fresh ByteTrack of the package ``trackers``, told of 30 frames a second."""
    import supervision
    from trackers import ByteTrackTracker

    tracker = ByteTrackTracker(
        lost_track_buffer=30, frame_rate=FPS, track_activation_threshold=0.25,
        high_conf_det_threshold=0.25, minimum_consecutive_frames=2,
    )  # fmt: skip

    def follow(found: Detections, time_s: float) -> Detections:
        some = found.select(found.score >= 0.1)
        result = tracker.update(
            supervision.Detections(
                xyxy=some.xyxy, confidence=some.score, class_id=some.class_id.astype(int)
            )
        )
        ids = np.asarray(result.tracker_id, np.int64)
        return Detections(result.xyxy, result.confidence, result.class_id, ids)

    return follow


def table(seeds: int, rivals: dict[str, Callable[[], Follow]]) -> str:
    """Markdown: each scene by each tracker."""
    lines = ["| scene | tracker | switches | IDF1 | MOTA |", "|---|---|---|---|---|"]
    for scene in SCENES:
        shows = [list(play(scene, seed)) for seed in range(seeds)]
        for name, make in rivals.items():
            tally = Tally()
            for moments in shows:
                follow = make()
                tally += judge(moments, [follow(m.found, m.time_s) for m in moments])
            lines.append(
                f"| {scene.name} | {name} | {tally.switches / seeds:.1f} "
                f"| {tally.idf1:.3f} | {tally.mota:.3f} |"
            )
    return "\n".join(lines)


def cost(count: int, frames: int = 200) -> tuple[float, float]:
    """Median and 90th percentile of milliseconds for so many objects in view."""
    scene = Scene("cost", objects=count, frames=frames, pillars=0, false=0.0, missed=0.02)
    moments, follow, times = list(play(scene, 0)), ours(), []
    for moment in moments:
        started = time.thread_time()
        follow(moment.found, moment.time_s)
        times.append(1000 * (time.thread_time() - started))
    return float(np.median(times[10:])), float(np.percentile(times[10:], 90))


def main() -> None:
    """Parse, play, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    options = parser.parse_args()
    rivals: dict[str, Any] = {"edgeyolo": ours}
    if find_spec("trackers"):
        rivals["trackers, ByteTrack"] = theirs
    print(table(options.seeds, rivals))
    print("\n| objects | ms, median | ms, 90th percentile |\n|---|---|---|")
    for count in (1, 20, 100, 300):
        print("| {} | {:.2f} | {:.2f} |".format(count, *cost(count)))


if __name__ == "__main__":
    main()
