"""What a report does not know or cannot say, in plain words; each only where it holds."""

from __future__ import annotations

from collections.abc import Iterator

from edgeyolo.report.form import Report, Row

FEW_IMAGES = 100
_FEW_BOXES = 30  # of a class


def limits(report: Report) -> list[str]:
    """A sentence or two for each."""
    return [*_of_latency(report), *_of_accuracy(report), *_of_int8(report), *_of_training(report)]


def _of_latency(report: Report) -> Iterator[str]:
    measured = [each for each in report["devices"] if each["kind"] == "measured"]
    predicted = [each for each in report["devices"] if each["kind"] == "predicted"]
    if measured:
        yield (
            f"Latencies were measured on {_and(each['machine'] for each in measured)} and hold for "
            "that alone: another board orders nets and engines differently."
        )
    if len(measured) > 1:
        yield (
            f"{len(measured)} machines were measured at different times: compare nets on one "
            "machine; between machines other things than the board may differ, too."
        )
    for each in predicted:
        yield (
            f"For {each['machine']} latencies were predicted, not measured there: four of five are "
            "meant to lie in the interval. Measure before you rely on one: edgeyolo bench."
        )
    if any(timing.get("verdict") not in (None, "stable") for timing in report["timings"]):
        yield (
            "Some timings were not stable: the machine was busy, hot or throttled, and small "
            "differences between these mean nothing."
        )
    if measured or predicted:
        yield "Nothing is said of energy: no sensor was read."


def _of_accuracy(report: Report) -> Iterator[str]:
    data, nets = report["data"], [net for net in report["nets"] if net["accuracy"]]
    if not data or not nets:
        return
    split, images = data["split"], nets[0]["accuracy"]["images"]
    yield (
        f"Intervals of mAP come from drawing the {images} images of {split} anew (95 %, "
        "bias-corrected bootstrap) and leave out the luck of a training's seed."
    )
    if split != "test":
        yield (
            f"The best epochs and the nets were chosen by their mAP on {split}, so a test split "
            "that was never looked at will show a little less."
        )
    if images < FEW_IMAGES:
        yield f"{images} images are few: below {FEW_IMAGES}, differences of some points are noise."
    few = [row["name"] for row in nets[0]["accuracy"]["per_class"] if row["boxes"] < _FEW_BOXES]
    if few:
        of_all = f"{len(few)} of {len(data['classes'])} classes"
        yield f"Fewer than {_FEW_BOXES} boxes in {split}: {of_all}; their own figures say little."
    if len(few) > len(data["classes"]) / 2:
        yield (
            "With so few boxes of most classes mAP itself lies above that of a large set, by more "
            "than its interval shows (tools/check_coverage.py); differences of nets hardly do."
        )
    if any(net.get("details") for net in nets):
        yield (
            f"Confidence thresholds were chosen on the same images of {split} on which precision "
            "and recall are given, which flatters these a little."
        )
    yield from _of_duplicates(data)


def _of_duplicates(data: Row) -> Iterator[str]:
    shared = (data.get("statistics") or {}).get("duplicates") or []
    ours = sum(each["images"] for each in shared if each["split"] == data["split"])
    if ours:
        of = _and(each["of"] for each in shared if each["split"] == data["split"])
        yield (
            f"{ours} of the images of {data['split']} {'is' if ours == 1 else 'are'} in {of} as "
            "well, or nearly: the figures of accuracy are too good by that."
        )


def _of_int8(report: Report) -> Iterator[str]:
    if any(net["precision"] == "int8" for net in report["nets"]):
        yield (
            "int8 nets were judged by the engine of this machine. Other processors round "
            "otherwise, so boxes and scores on a board may differ a little: check them there."
        )


def _of_training(report: Report) -> Iterator[str]:
    trainings = [told for run in report["runs"] for told in run.get("trainings") or []]
    seeds: dict[str, set[int]] = {}
    for told in trainings:
        seeds.setdefault(told["name"], set()).add(told.get("seed") or 0)
    if seeds and all(len(each) == 1 for each in seeds.values()):
        yield (
            "Each net was trained once, with one seed. Another seed gives another mAP: where two "
            "nets are close, train them again before you choose."
        )


def _and(words: Iterator[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``; each once."""
    *first, last = dict.fromkeys(words)
    return f"{', '.join(first)} and {last}" if first else last
