"""What a bench measured, for reading."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgeyolo.measure.predict import Prediction

_BUSY = 0.5  # load of each core
_SCOPES = (("engine_only_ms", "engine"), ("end_to_end_ms", "model"), ("camera_ms", "camera"))


def bench_table(answer: dict[str, Any]) -> str:
    """Percentiles of all scopes, how sure they are, and what was predicted."""
    return "\n".join(_lines(answer))


def layer_table(answer: dict[str, Any]) -> str:
    """What the layers of each took, slowest first."""
    return "\n".join(line for result in answer["results"] for line in _layer_lines(result))


def _lines(answer: dict[str, Any]) -> Iterator[str]:
    width = max(20, *(len(result["label"]) for result in answer["results"])) + 9
    yield f"{'ms':<{width}}{'p50':>9}{'p90':>9}{'p99':>9}   95 % interval of p90"
    for result in answer["results"]:
        for scope, name in _SCOPES:
            if scope not in result:
                continue
            row = "".join(f"{result[scope][p]:>9.2f}" for p in ("p50", "p90", "p99"))
            sure = result[scope].get("p90_ci")
            between = f"   {sure[0]:.2f}-{sure[1]:.2f}" if sure else ""
            yield f"{result['label'] + ', ' + name:<{width}}{row}{between}"
        yield f"  {_about(result)}"
        if "predicted" in result:
            yield f"  {_predicted(result['predicted'])}"
    yield "engine: the run alone; model: image to detections; camera: age of frames at 30 fps"
    load, cores = answer["states"][0]["load_1min"], answer["environment"]["cores"]
    if load is not None and load > _BUSY * cores:
        yield f"This machine was busy before (load {load:g} on {cores} cores): measure again."
    if not answer["images"]:
        yield "One made-up image without objects; name real ones with --data."


def _layer_lines(result: dict[str, Any]) -> Iterator[str]:
    yield ""
    layers = result.get("layers")
    if not layers:
        yield f"{result['label']}: the engine does not tell what its layers take."
        return
    width = max(len(layer["name"]) for layer in layers)
    yield f"{result['label']}, ms of a run, in runs of their own behind the others"
    for layer in layers:
        words = f"{layer['kind']} {layer['precision'] or ''}".strip()
        line = f"  {layer['name']:<{width}}{layer['ms']:>9.3f}{layer['share']:>8.1%}  {words}"
        yield line.rstrip()
    yield f"  {'all':<{width}}{sum(layer['ms'] for layer in layers):>9.3f}"


def _about(result: dict[str, Any]) -> str:
    first = result["times_first"]
    compared = (
        ""
        if first["median"] == first["low"] == first["high"] == 1
        else f"{first['median']:.2f} x the first ({first['low']:.2f}-{first['high']:.2f}); "
    )
    sustained = result["sustained_ms"]["p90"]
    return (
        f"{compared}{result['runs']} runs on {result['threads']} threads, {result['verdict']}; "
        f"last third p90 {sustained:.2f}; load {result['load_ms']:.0f} ms, "
        f"first {result['first_ms']:.0f} ms, peak memory {result['peak_rss_mb']:.0f} MB"
    )


def _predicted(values: dict[str, Any]) -> str:
    figures = Prediction(**values)
    return f"on the board, engine: {figures} ms, predicted; {figures.origin}"
