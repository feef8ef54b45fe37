"""Advice about detection levels, for reading."""

from __future__ import annotations

from typing import Any


def heads_table(advice: dict[str, Any]) -> str:
    """What each level serves, what each choice of levels costs, and a recommendation."""
    recall = advice["recall"]
    lines = [f"{'':<12}{'boxes assigned':>15}{'found without it':>18}"]
    for level, part in advice["assigned"].items():
        lines.append(f"{level:<12}{part:>15.1%}{recall['without'][level]:>18.1%}")
    lines.append(f"{'all levels':<12}{'':>15}{recall['overall']:>18.1%}")
    latency = f"{'latency':>10}" if "latency" in advice else ""
    lines += ["", f"{'keep':<12}{'boxes served':>15}{'parameters':>12}{'GFLOPs':>9}{latency}"]
    for choice in advice["choices"]:
        name = ",".join(choice["heads"]) + (" cut" if choice["cut_backbone"] else "")
        ratios = f"{choice['parameters_ratio']:>12.0%}{choice['gflops_ratio']:>9.0%}"
        slower = f"{choice['latency_ratio']:>10.0%}" if latency else ""
        lines.append(f"{name:<12}{choice['served']:>15.1%}{ratios}{slower}")
    lines += ["cut: with --cut-backbone, without the stage that only P5 uses"]
    if latency:
        board = advice["latency"]
        lines += [f"latency: predicted for {board['profile']}, {board['engine']} fp32"]
    lines += ["", heads_sentence(advice)]
    return "\n".join(lines)


def heads_sentence(advice: dict[str, Any]) -> str:
    """The recommendation in words."""
    whole = max(advice["choices"], key=lambda choice: len(choice["heads"]))
    # The dearest of these levels comes first, which leaves the backbone as it is.
    best = next(c for c in advice["choices"] if c["heads"] == advice["recommended"])
    if best["heads"] == whole["heads"]:
        return "Each level serves some of the boxes: keep them all."
    dropped = [level for level in whole["heads"] if level not in best["heads"]]
    saved = [f"{1 - best['gflops_ratio']:.0%} of the FLOPs"]
    if best["parameters_ratio"] < 1:
        saved.insert(0, f"{1 - best['parameters_ratio']:.0%} of the parameters")
    if "latency" in advice:
        board = advice["latency"]["profile"]
        saved.append(f"~{1 - best['latency_ratio']:.0%} of the latency on {board}")
    *first, last = saved
    all_saved = f"{', '.join(first)} and {last}" if first else last
    verb = "serves" if len(dropped) == 1 else "serve"
    kept = ",".join(best["heads"])
    return (
        f"{' and '.join(dropped)} {verb} {1 - best['served']:.1%} of the {advice['boxes']} boxes "
        f"of {advice['images']} training images: --heads {kept} saves {all_saved}."
    )
