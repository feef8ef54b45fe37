"""Latencies in words: how steady, what the machine said meanwhile, and what is not known."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from edgeyolo.report.form import Row
from edgeyolo.report.latency_figures import tells

_NOISY = 1.3  # times p50, from where on p90 alone makes a timing noisy
# Of the engines that tell what their layers take.
_OF_LAYERS = {
    "onnxruntime": "ONNX Runtime joins nodes of the exported graph and adds some that change the "
    "layout (Reorder, Transpose); QuickGelu is SiLU; times are of its own profiler.",
    "openvino": "OpenVINO counts an activation to the convolution before it, and adds Reorder; "
    "times are of its own counters.",
    "ncnn": "NCNN tells no times: its blobs were asked for one after the other and kept, which "
    "makes the layers together slower than a run. Numbers in names are the order in the graph.",
}


def layer_words(engines: Collection[str]) -> list[str]:
    """What is to be known of the layers that these engines tell of."""
    return [words for engine, words in _OF_LAYERS.items() if engine in engines]


def verdict_words(timing: Row) -> str:
    """The verdict on its stability."""
    verdict, figures = timing.get("verdict"), timing["end_to_end_ms"]
    if verdict == "throttled":
        return "throttled: the machine slowed itself down"
    if verdict != "noisy":
        return verdict or "not judged"
    if figures["p90"] > _NOISY * figures["p50"]:
        return f"noisy: p90 is {figures['p90'] / figures['p50']:.1f} × p50"
    return "noisy: its rounds drift apart"


def about(states: Sequence[Row]) -> str:
    """What the machine told of itself meanwhile."""
    if not states:
        return "The machine was not watched meanwhile."
    told, governor = tells(states), states[0]["governor"]
    untold = [f"no {name}" for name, is_told in told.items() if not is_told]
    said = sorted({words for state in states for words in state["throttled"]})
    return " ".join(
        [
            f"This machine tells {' and '.join(untold)}." if untold else "",
            f"Governor: {governor}." if governor else "",
            f"It said meanwhile: {', '.join(said)}." if said else "",
        ]
    ).strip()


def notes(rows: Sequence[Row]) -> Iterator[str]:
    """What older files lack, and what engines do not tell."""
    if not rows:
        return
    for words, lacking in (
        ("Raw samples, so that neither their spread nor their course is drawn", "samples"),
        ("The age of a camera's frames", "camera_ms"),
        ("The last third alone", "sustained_ms"),
    ):
        count = sum(not row.get(lacking) for row in rows)
        if count:
            yield f"{words}: not kept for {count} of {len(rows)} timings."
    untold = [row for row in rows if not row["layers"]]
    if untold:
        older = sum(not row["is_told"] for row in untold)
        if older:
            yield f"What the layers take: not asked for in {older} of {len(rows)} timings."
        if len(untold) > older:
            silent = sorted({row["engine"] for row in untold if row["is_told"]})
            yield f"What the layers take: not told by {', '.join(silent)}."
