"""What nets are predicted to take on a board that is not at hand."""

from __future__ import annotations

from edgeyolo.flow.collect.nets import board_row, predicted_row
from edgeyolo.plan.outlook import Board
from edgeyolo.profiles import DeviceProfile
from edgeyolo.report.form import Report, Row
from edgeyolo.slim.spec import SlimSpec


def with_board(report: Report, profile: DeviceProfile) -> Report:
    """The report with that board among its devices.

    Engines and precisions that the profile has no costs of, and nets of unknown form, are left
    out there.
    """
    board = Board(profile)
    classes = len(report["data"]["classes"]) if report["data"] else 0
    timings = [t for net in report["nets"] if (t := predicted(net, board, classes))]
    row = board_row(profile.name, profile.title)
    # A search for this board has it already.
    devices = [device for device in report["devices"] if device["id"] != row["id"]]
    others = [timing for timing in report["timings"] if timing["device"] != row["id"]]
    return {**report, "devices": [*devices, row], "timings": [*others, *timings]}


def predicted(net: Row, board: Board, classes: int) -> Row | None:
    """Image to detections, where that can be said."""
    if not net["spec"] or not classes:
        return None
    spec = SlimSpec.from_dict(net["spec"])
    for outlook in board.outlooks(spec, classes, [net["imgsz"]]):
        candidate = outlook.candidate
        if (candidate.engine, candidate.precision) == (net["engine"], net["precision"]):
            return predicted_row(net["id"], board.profile.name, outlook.latency.to_dict())
    return None
