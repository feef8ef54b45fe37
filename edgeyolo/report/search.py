"""The result of a search, for reading."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgeyolo.measure.predict import approximate

Row = dict[str, Any]
_HEADER = (
    f"  {'net':<32}{'px':>5}  {'engine':<17}{'predicted ms':>14}{'fits':>6}{'here':>9}{'file':>9}"
    f"  {'mAP50-95':<22}{'points to the wide net'}"
)


def search_table(result: dict[str, Any]) -> str:
    """All nets with what was measured, and the recommendation or the nearest misses."""
    return "\n".join(_lines(result))


def _lines(result: dict[str, Any]) -> Iterator[str]:
    wide, data = result["wide"], result["data"]
    yield _HEADER
    yield (
        f"  {wide['name'] + ' (wide)':<32}{wide['imgsz']:>5}  {'':<17}{'':>14}{'':>6}"
        f"{wide['here_ms']:>6.1f} ms{_megabytes(wide)}  {_map(wide)}"
    )
    for row in result["rows"]:
        mark = "*" if row["name"] == result["recommended"] else " "
        yield f"{mark} {_figures(row)}{_megabytes(row)}  {_map(row):<22}{_points(row)}"
        yield from (f"      - {miss}" for miss in row["misses"])
    for name, reason in result["ended"].items():
        yield f"  {name}: {reason}"
    yield ""
    yield (
        f"predicted: image to detections on {result['profile']}, not measured there. here: p50 on "
        f"{result['environment']['machine']}. mAP50-95: {data['split']}, {data['images']} images, "
        f"{data['boxes']} boxes, 95 % intervals; differences are paired."
    )
    yield from _verdict(result)


def _verdict(result: dict[str, Any]) -> Iterator[str]:
    chosen = next((row for row in result["rows"] if row["name"] == result["recommended"]), None)
    if chosen is None:
        yield f"No net keeps to the budget: {result['asked']}. Above is in what each misses it."
        return
    predicted = chosen["predicted"]
    yield (
        f"Recommended: {chosen['name']}, {chosen['engine']} {chosen['precision']}, the most "
        f"accurate that keeps to the budget ({result['asked']}); predicted "
        f"~{predicted['latency_ms']:.1f} ms, {predicted['low_ms']:.1f} to "
        f"{predicted['high_ms']:.1f}, which is fast enough with {predicted['chance']:.0%}."
    )
    for row in result["rows"]:
        if row is not chosen and not row["misses"] and _is_as_good(row, chosen):
            spared = 1 - row["predicted"]["latency_ms"] / predicted["latency_ms"]
            yield (
                f"{row['name']}, {row['engine']} {row['precision']}, takes ~{spared:.0%} less "
                "time, and these images cannot tell its mAP from that of the recommended one."
            )


def _is_as_good(row: Row, chosen: Row) -> bool:
    low, high = row["versus_recommended"]["ci"]
    mine, theirs = (one["predicted"]["latency_ms"] for one in (row, chosen))
    return bool(low <= 0 <= high and mine < 0.9 * theirs)


def _figures(row: Row) -> str:
    predicted = row["predicted"]
    net, engine = row["name"].rpartition("-")[0], f"{row['engine']} {row['precision']}"
    latency = approximate(*(predicted[key] for key in ("latency_ms", "low_ms", "high_ms")))
    return (
        f"{net:<32}{row['imgsz']:>5}  {engine:<17}{latency:>14}{predicted['chance']:>6.0%}"
        f"{row['here_ms']:>6.1f} ms"
    )


def _megabytes(row: Row) -> str:
    return f"{row['size_bytes'] / 1e6:>6.1f} MB"


def _map(row: Row) -> str:
    accuracy = row["accuracy"]
    low, high = accuracy["map50_95_ci"]
    return f"{accuracy['map50_95']:.3f} [{low:.3f}, {high:.3f}]"


def _points(row: Row) -> str:
    versus = row["versus_wide"]
    low, high = versus["ci"]
    unsure = ", not told apart" if low <= 0 <= high else ""
    return f"{100 * versus['difference']:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]{unsure}"
