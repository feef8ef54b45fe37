"""Several reports as one: nets are known by what is in their files, devices by their name."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from edgeyolo.errors import DataError
from edgeyolo.measure.bootstrap import paired
from edgeyolo.report.form import Report, Row, baseline_of, new_report

_TOLD = ("slim net", "trained net")  # titles that tell nets of several runs not apart


def merge(reports: Sequence[Report]) -> Report:
    """Join reports; one alone stays as it is.

    Nets of different runs are compared with the first baseline, on the same draws of images.

    Raises:
        DataError: when their nets were judged by different images.
    """
    if len(reports) == 1:
        return {**reports[0], "nets": _with_baseline(reports[0]["nets"])}
    data, reports = _data(reports), _runs_told_apart(reports)
    sittings, timings = _timings(reports)
    merged = new_report(
        _title(reports),
        budget=next((r["budget"] for r in reports if r["budget"]["latency_ms"]), _budget(reports)),
        data=data,
        nets=_with_baseline(_nets(reports)),
        devices=_devices(reports),
        sittings=sittings,
        timings=timings,
        runs=_first_of_each((run for r in reports for run in r["runs"]), "name"),
        quantizations=_first_of_each((q for r in reports for q in r["quantizations"]), "net"),
        gallery=next((r["gallery"] for r in reports if r["gallery"]), None),
    )
    return _compared(_retitled(merged))


def _runs_told_apart(reports: Sequence[Report]) -> list[Report]:
    """Runs of one name from two places get a number."""
    known: dict[str, Row] = {}
    told = []
    for report in reports:
        names: dict[str, str] = {}
        for run in report["runs"]:
            name, number = run["name"], 1
            while known.get(name, run) != run:
                number += 1
                name = f"{run['name']} ({number})"
            known[name], names[run["name"]] = run, name
        told.append(
            {
                **report,
                "runs": [{**run, "name": names[run["name"]]} for run in report["runs"]],
                "nets": [{**n, "run": names.get(n["run"], n["run"])} for n in report["nets"]],
            }
        )
    return told


def _budget(reports: Sequence[Report]) -> Row:
    found: Row = reports[0]["budget"]
    return found


def _title(reports: Sequence[Report]) -> str:
    titles = [r["title"] for r in reports if r["nets"] and r["data"]]
    return " · ".join(dict.fromkeys(titles or [reports[0]["title"]]))


def _data(reports: Sequence[Report]) -> Row | None:
    """That of the first; all others must have been judged by the same images."""
    known: list[Row] = [r["data"] for r in reports if r["data"]]
    for other in known[1:]:
        first = known[0]
        if [first[key] for key in ("fingerprint", "split")] != [
            other[key] for key in ("fingerprint", "split")
        ]:
            raise DataError(
                f"Nets judged by different images cannot be compared: {first['split']} of "
                f"{first['name']} ({first['fingerprint'][:8]}) and {other['split']} of "
                f"{other['name']} ({other['fingerprint'][:8]}).",
                "Make a report of each alone.",
            )
    # A quantization knows less of the data than a run.
    return max(known, key=lambda data: bool(data.get("statistics")), default=None)


def _nets(reports: Sequence[Report]) -> list[Row]:
    """Each once; of the same one known several times what has an accuracy, and what has details."""
    known: dict[str, Row] = {}
    for net in (net for r in reports for net in r["nets"]):
        old = known.get(net["id"])
        if old is None or _worth(net) > _worth(old):
            known[net["id"]] = net
    return list(known.values())


def _with_baseline(nets: list[Row]) -> list[Row]:
    """What an int8 net was made of is the baseline where there is no other."""
    role = "slim" if any(net["role"] == "baseline" for net in nets) else "baseline"
    return [{**net, "role": role} if net["role"] == "before" else net for net in nets]


def _worth(net: Row) -> tuple[bool, bool, bool]:
    return bool(net["accuracy"]), net["role"] not in ("other", "before"), bool(net["details"])


def _devices(reports: Sequence[Report]) -> list[Row]:
    """A board that was both predicted for and measured by the same name is two devices."""
    return _first_of_each((device for r in reports for device in r["devices"]), "id")


def _first_of_each(rows: Iterable[Row], key: str) -> list[Row]:
    known: dict[str, Row] = {}
    for row in rows:
        known.setdefault(row[key], row)
    return list(known.values())


def _timings(reports: Sequence[Report]) -> tuple[list[Row], list[Row]]:
    """All sittings one behind the other; each timing once, also when a report is named twice."""
    sittings: list[Row] = []
    timings: list[Row] = []
    known: set[str] = set()
    for report in reports:
        for timing in report["timings"]:
            sitting = timing["sitting"]
            told = json.dumps({**timing, "sitting": None}, sort_keys=True)
            if told not in known:
                known.add(told)
                later = None if sitting is None else sitting + len(sittings)
                timings.append({**timing, "sitting": later})
        sittings += report["sittings"]
    return sittings, timings


def _retitled(report: Report) -> Report:
    """Slim nets by their specification, and by their run where that is not enough."""
    nets = [
        {**net, "title": net["name"]} if net["title"] in _TOLD else net for net in report["nets"]
    ]
    called = Counter(_called(net) for net in nets)
    runs = {net["run"] for net in nets if net["run"]}
    return {
        **report,
        "nets": [
            {**net, "title": f"{net['title']} ({net['run']})"}
            if called[_called(net)] > 1 and len(runs) > 1 and net["run"]
            else net
            for net in nets
        ],
    }


def _called(net: Row) -> tuple[Any, ...]:
    return tuple(net[key] for key in ("title", "imgsz", "engine", "precision"))


def _compared(report: Report) -> Report:
    """All nets against the one baseline, where their draws are known."""
    base = baseline_of(report)
    if base is None or not base["accuracy"].get("draws"):
        return report
    return {**report, "nets": [_versus(net, base) for net in report["nets"]]}


def _versus(net: Row, base: Row) -> Row:
    accuracy = net["accuracy"]
    if not accuracy or not accuracy.get("draws"):
        return net
    difference, bounds = paired(
        accuracy["draws"],
        accuracy["map50_95"],
        base["accuracy"]["draws"],
        base["accuracy"]["map50_95"],
    )
    versus = {"difference": round(difference, 5), "ci": [round(bound, 5) for bound in bounds]}
    return {**net, "accuracy": {**accuracy, "versus_baseline": versus}}
