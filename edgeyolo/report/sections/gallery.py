"""The images on which the first slim net fails most."""

from __future__ import annotations

from collections import Counter
from typing import Any

from edgeyolo.report.form import Report, Row, label

_MOST = 4  # classes that a caption names
_LONG = 30  # characters of a class name there


def section(report: Report) -> dict[str, Any]:
    """Pictures with what a caption says of each; the net and its confidence."""
    gallery = report["gallery"]
    if not gallery:
        return {"missing": "No picture was kept when this was made."}
    net = next((net for net in report["nets"] if net["id"] == gallery["net"]), None)
    names = (report["data"] or {}).get("classes", [])
    called = label(net) if net else "the net"
    if not gallery["worst"]:
        return {"missing": f"On no image does {called} miss an object or see one that is none."}
    return {
        "label": called,
        "threshold": _threshold(net) if net else None,
        "names": names,
        "items": [{**item, "remark": _remark(item, names)} for item in gallery["worst"]],
    }


def _threshold(net: Row) -> float | None:
    """The one at which the net was judged; ``None`` where it is not known."""
    details = net["details"]
    return (details["operating"]["common"]["threshold"] or 0.0) if details else None


def _remark(item: Row, names: list[str]) -> str:
    """Which objects are missed and what is seen wrongly: a page on paper has no tooltips."""
    missed = Counter(_name(one, names) for one in item["truth"] if one["missed"])
    wrong = [(_name(one, names), one["score"]) for one in item["found"] if not one["right"]]
    best = dict(sorted(wrong, key=lambda each: each[1]))  # by name; the greatest comes last
    parts = (
        ("missed", [f"{count} {name}" for name, count in missed.most_common()]),
        ("wrong", [f"{count} {name} {_up_to(count, best[name])}" for name, count in _count(wrong)]),
    )
    return "; ".join(f"{what} {_few(listed)}" for what, listed in parts if listed)


def _count(wrong: list[tuple[str, float]]) -> list[tuple[str, int]]:
    return Counter(name for name, _ in wrong).most_common()


def _up_to(count: int, score: float) -> str:
    return f"({score:.2f})" if count == 1 else f"(up to {score:.2f})"


def _few(listed: list[str]) -> str:
    more = ["…"] if len(listed) > _MOST else []
    return ", ".join([*listed[:_MOST], *more])


def _name(one: Row, names: list[str]) -> str:
    index = one["class_id"]
    name = names[index] if index < len(names) else f"class {index}"
    return name if len(name) <= _LONG else f"{name[: _LONG - 1]}…"
