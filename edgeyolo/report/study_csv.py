"""A study as tidy tables: one line for each row, and one for each row and class."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

Row = dict[str, Any]
_RATIOS = ("precision", "recall", "f1")
_COUNTS = ("tp", "fp", "fn")


def rows_csv(found: Row) -> str:
    """Rows and what was measured of them; of one that failed, its factors and the reason."""
    done = [_row(row) for row in found["rows"]]
    lost = [_failed(row) for row in found["failed"] if "net" in row]  # a wide net is no row
    columns = list(_row(found["rows"][0])) if done else list(lost[0]) if lost else []
    return _text([*columns, *(["failure"] if "failure" not in columns else [])], [*done, *lost])


def classes_csv(found: Row) -> str:
    """What each row comes to in each class, at that class's own threshold."""
    rows = [line for row in found["rows"] for line in _classes(row)]
    return _text(list(rows[0]) if rows else [], rows)


def _factors(row: Row) -> Row:
    names = {"imgsz": "imgsz_px"}
    kept = ("name", "net", "batch", "freeze", "imgsz", "seed")
    return {names.get(key, key): row[key] for key in kept}


def _row(row: Row) -> Row:
    accuracy, versus = row["accuracy"], row["versus_best"]
    own, common = row["operating"]["own"], row["operating"]["common"]
    return {
        **_factors(row),
        "start": row["start"],
        "spec": row["spec"],
        "parameters": row["parameters"],
        "gflops": row["gflops"],
        "file_size_bytes": row["file_size_bytes"],
        "epochs": row["epochs"],
        "training_seconds": row["training_seconds"],
        "latency_p50_ms": row["latency_ms"]["p50"],
        "latency_p90_ms": row["latency_ms"]["p90"],
        "images": accuracy["images"],
        "boxes": accuracy["boxes"],
        "map50_95": accuracy["map50_95"],
        "map50_95_low": accuracy["map50_95_ci"][0],
        "map50_95_high": accuracy["map50_95_ci"][1],
        "map50": accuracy["map50"],
        "map75": accuracy["map75"],
        "versus_best_map50_95": versus["difference"],
        "versus_best_low": versus["ci"][0],
        "versus_best_high": versus["ci"][1],
        **{f"micro_{name}": own["micro"][name] for name in (*_COUNTS, *_RATIOS)},
        **{f"macro_{name}": own["macro"][name] for name in _RATIOS},
        "common_threshold": common["threshold"],
        **{f"common_micro_{name}": common["micro"][name] for name in _RATIOS},
        **{f"common_macro_{name}": common["macro"][name] for name in _RATIOS},
    }


def _failed(row: Row) -> Row:
    return {**_factors(row), "failure": row["message"]}


def _classes(row: Row) -> Iterable[Row]:
    points = row["operating"]["own"]["per_class"]
    for entry, point in zip(row["accuracy"]["per_class"], points, strict=True):
        yield {
            **_factors(row),
            "class": entry["name"],
            "boxes": entry["boxes"],
            "ap50_95": entry["ap50_95"],
            "ap50": entry["ap50"],
            "threshold": point["threshold"],
            **{name: point[name] for name in (*_COUNTS, *_RATIOS)},
        }


def _text(columns: Sequence[str], rows: Iterable[Row]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
    if columns:
        writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()
