"""What quantization found, for reading."""

from __future__ import annotations

from typing import Any

from edgeyolo.quantize.search import LEAST_INT8

_SAME_THRESHOLD = 0.02


def quantization_table(values: dict[str, Any]) -> str:
    """Every convolution, then what it all comes to."""
    width = max(len(row["name"]) for row in values["layers"]) + 2
    lines = [f"{'convolution':<{width}}{'error alone':>12}{'MACs':>8}  precision"]
    for row in values["layers"]:
        why = f"  ({row['why']})" if row["why"] else ""
        lines.append(
            f"{row['name']:<{width}}{row['error']:>12.4f}{row['macs_share']:>8.1%}"
            f"  {row['precision']}{why}"
        )
    lines += ["", *_summary(values)]
    return "\n".join(lines)


def shortfalls(values: dict[str, Any]) -> list[str]:
    """What the user should know before using it, in sentences."""
    gate, lines = values["gate"], []
    if values["recommended"] != "int8":
        lines.append(_no_gain(values))
    if not gate["fits"]:
        lines.append(f"No choice fits {gate['target_bytes']} bytes: this is the smallest.")
    elif not gate["met"]:
        lines.append(
            f"{-100 * gate['difference']:.2f} points are lost on training images kept apart, more "
            f"than the {gate['max_drop']:g} allowed: this is the best that was found."
        )
    elif values["int8_share"] < LEAST_INT8:
        lines.append(
            f"Only {values['int8_share']:.0%} of the multiply-adds are in int8; --max-drop and "
            "--keep-float have the rest in float."
        )
    return lines


def reached(val: dict[str, Any]) -> str:
    """How much of fp32's mAP int8 reaches, with its interval where that is known."""
    kept = retained_of(val)
    if kept is None:
        return "fp32 finds nothing right: what int8 keeps of it cannot be told"
    bounds = " [{:.1f}, {:.1f}]".format(*(100 * b for b in kept["ci"])) if kept["ci"] else ""
    return f"int8 reaches {100 * kept['value']:.1f} %{bounds} of fp32's mAP50-95"


def retained_of(val: dict[str, Any]) -> dict[str, Any] | None:
    """``value`` and ``ci``, the latter ``None`` where only the two figures are known."""
    if "retained" in val:
        known: dict[str, Any] | None = val["retained"]
        return known
    return {"value": val["after"] / val["before"], "ci": None} if val["before"] else None


def gate_sentence(gate: float, kept: dict[str, Any], images: int) -> str:
    """Whether a part of fp32's mAP is reached, and whether these images can tell."""
    is_reached = kept["value"] >= gate
    said = f"{gate:.0%} gate: {'reached' if is_reached else 'not reached'}"
    low, high = kept["ci"] or (kept["value"], kept["value"])
    if low < gate <= high:
        return f"{said}, but {images} images cannot settle it: the interval holds {gate:.0%}."
    return f"{said}{', by its whole interval' if kept['ci'] else ''}."


def threshold_sentence(before: float, after: float) -> str:
    """What to do about a best confidence that has moved."""
    if abs(after - before) < _SAME_THRESHOLD:
        return f"The best confidence stays about where it was: {before:.2f} → {after:.2f}."
    return (
        f"The best confidence moves from {before:.2f} to {after:.2f}: run the int8 file with "
        f"--conf {after:.2f}."
    )


def pays_sentence(values: dict[str, Any]) -> str:
    """What is recommended on the machine that int8 was made on, and why."""
    if values["recommended"] != "int8":
        return _no_gain(values)
    times = values["latency"]["int8"]
    caution = ", though not in every round" if times["engine_only"]["high"] >= 1 else ""
    engine = values["engine"]
    return f"int8 pays on this machine with {engine}: {_ratio(times)} x fp32's time{caution}."


def _no_gain(values: dict[str, Any]) -> str:
    latency, other = values["latency"], values["recommended"]
    mine = latency["int8"]["engine_only"]["median"]
    theirs = latency[other]["engine_only"]["median"] if other in latency else 1.0
    word = "faster" if theirs < mine else "as fast"
    return (
        f"int8 does not pay on this machine with {values['engine']}: {other} is {word} there "
        f"({theirs:.2f} x fp32's time, int8 {mine:.2f})."
    )


def _summary(values: dict[str, Any]) -> list[str]:
    gate, val, agreement = values["gate"], values["val"], values["agreement"]
    times, threads = values["latency"], values["latency"]["threads"]
    return [
        f"int8: {values['int8_share']:.1%} of the multiply-adds; "
        f"{values['size_bytes'] / 1e6:.2f} MB, {values['size_ratio']:.2f} x fp32",
        f"error where objects may be: score {agreement['score']:.3f}, "
        f"box {agreement['box_px']:.2f} px",
        _map_line(f"{gate['images']} training images kept apart", gate),
        _map_line(f"{val['images']} images of val", val),
        reached(val),
        f"detections of fp32 found again on val: {val['matched']} of {val['detections']}; "
        f"best threshold {val['threshold'][0]:.2f} -> {val['threshold'][1]:.2f}",
        f"time x fp32 on this machine, {values['engine']} on {threads} threads: "
        f"int8 {_ratio(times['int8'])}, fp16 {_ratio(times['fp16'])}",
    ]


def _map_line(where: str, part: dict[str, Any]) -> str:
    low, high = (100 * bound for bound in part["difference_ci"])
    return (
        f"mAP50-95 on {where}: {part['before']:.4f} -> {part['after']:.4f}, "
        f"{100 * part['difference']:+.1f} points [{low:+.1f}, {high:+.1f}]"
    )


def _ratio(latency: dict[str, Any]) -> str:
    part = latency["engine_only"]
    return f"{part['median']:.2f} ({part['low']:.2f}-{part['high']:.2f})"
