"""A finished search as a report: all nets that were trained for a budget, measured together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from edgeyolo.device.bundle import Bundle
from edgeyolo.errors import EdgeyoloError
from edgeyolo.export.bundle import QUANTIZATION
from edgeyolo.files import read_json
from edgeyolo.flow.collect.board import predicted
from edgeyolo.flow.collect.nets import board_row, device_row, net_row, predicted_row, timing_row
from edgeyolo.flow.collect.quantization import quantization_row
from edgeyolo.flow.collect.run import data_of, gallery_of, run_row
from edgeyolo.measure.host import NAME as HOST
from edgeyolo.measure.host import profile_of
from edgeyolo.plan.outlook import Board
from edgeyolo.report.form import WITHIN_POINTS, Report, Row, new_report
from edgeyolo.searches import Contender, Search


def collect_search(search: Search, result: Row) -> Report:
    """Join the result of a search with what its contenders' runs know."""
    accuracy, latency = read_json(search.accuracy_file), read_json(search.latency_file)
    contenders = [c for c in search.contenders() if c.candidate.name not in result["ended"]]
    bundles = {c.candidate.name: Bundle.open(c.bundle) for c in contenders}
    bundles["wide"] = wide = Bundle.open(search.wide.bundle)
    if search.wide.smaller_bundle.exists():
        bundles["smaller"] = Bundle.open(search.wide.smaller_bundle)
    nets = {row["name"]: _net(bundles[row["name"]], row) for row in accuracy["results"]}
    device = device_row(latency["environment"], latency["images"])
    timings = [timing_row(nets[row["name"]]["id"], device["id"], row) for row in latency["results"]]
    is_elsewhere = result["profile"] != HOST
    title = _title(result["profile"])
    boards = [board_row(result["profile"], title)] if is_elsewhere else []
    chosen = nets.get(result["recommended"])
    return new_report(
        f"Nets for {title} on {result['data']['name']}: {result['asked']}",
        budget={
            "latency_ms": result["budget"]["latency_ms"],
            "device": result["profile"] if is_elsewhere else device["id"],
            "within_points": WITHIN_POINTS,
        },
        data=data_of(search.wide, wide, accuracy["split"], nets["wide"]["accuracy"]),
        nets=list(nets.values()),
        devices=[device, *boards],
        sittings=[{"device": device["id"], "states": latency.get("states", [])}],
        timings=[*timings, *(_predicted(nets, result, search.answer) if is_elsewhere else ())],
        runs=[
            run_row(search.wide, search.wide.plan(), wide),
            *(run_row(c.run, c.run.plan(), bundles[c.candidate.name]) for c in contenders),
        ],
        quantizations=_quantizations(contenders),
        gallery=gallery_of(search.gallery_file, chosen["id"]) if chosen else None,
    )


def _net(bundle: Bundle, measured: Row) -> Row:
    name = measured["name"]
    row = {key: value for key, value in measured.items() if key != "name"}
    role = {"wide": "baseline", "smaller": "smaller"}.get(name, "slim")
    title = bundle.name if role == "slim" else "wide net"
    return net_row(bundle, row, run=name, role=role, title=title)


def _predicted(nets: dict[str, Row], result: Row, answer: Row) -> Iterator[Row]:
    """Of the contenders as the search saw it, and of the wide net as its board is now."""
    for row in result["rows"]:
        found = {key: row["predicted"][key] for key in ("latency_ms", "low_ms", "high_ms")}
        yield predicted_row(nets[row["name"]]["id"], result["profile"], found)
    with suppress(EdgeyoloError):  # a profile of the user's own may have gone
        board = Board(profile_of(result["profile"]), threads=answer["threads"])
        for name in [name for name in ("wide", "smaller") if name in nets]:
            found_there = predicted(nets[name], board, answer["classes"])
            if found_there:
                yield found_there


def _title(profile: str) -> str:
    """What people call the board."""
    try:
        return profile_of(profile).title
    except EdgeyoloError:
        return profile


def _quantizations(contenders: list[Contender]) -> list[Row]:
    files = [c.quantized / QUANTIZATION for c in contenders if c.candidate.precision == "int8"]
    return [quantization_row(read_json(path)) for path in files if path.is_file()]
