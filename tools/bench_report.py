"""How long it takes to draw a report of many candidates, against a budget that informs.

    python tools/bench_report.py runs/mine/report.json

Takes the nets of a report again and again, with other names and times, until there are enough, and
writes all files of that report.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from edgeyolo.files import read_json
from edgeyolo.measure.environment import environment
from edgeyolo.report.form import checked
from edgeyolo.report.write import PAGE, write_report

_BUDGET_S = 10.0


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path)
    parser.add_argument("--candidates", type=int, default=50)
    parser.add_argument("--repeat", type=int, default=5)
    asked = parser.parse_args()
    report = _many(checked(read_json(asked.report), str(asked.report)), asked.candidates)
    seconds, sizes = zip(*(_drawn(report) for _ in range(asked.repeat)), strict=True)
    found = {
        "candidates": len(report["nets"]),
        "seconds": {
            "median": round(statistics.median(seconds), 2),
            "low": round(min(seconds), 2),
            "high": round(max(seconds), 2),
        },
        "page_bytes": sizes[0],
        "budget_s": _BUDGET_S,
        "keeps_to_it": statistics.median(seconds) <= _BUDGET_S,
        "environment": environment(),
    }
    print(json.dumps(found, indent=1))


def _many(report: dict[str, Any], count: int) -> dict[str, Any]:
    nets, timings = list(report["nets"]), list(report["timings"])
    for index in range(len(nets), count):
        source = report["nets"][index % len(report["nets"])]
        net = {**source, "id": f"{index:012x}@{source['engine']}", "title": f"net {index}"}
        nets.append({**net, "role": "slim"})
        timings += [
            {**timing, "net": net["id"]}
            for timing in report["timings"]
            if timing["net"] == source["id"]
        ]
    return {**report, "nets": nets, "timings": timings}


def _drawn(report: dict[str, Any]) -> tuple[float, int]:
    with TemporaryDirectory() as folder:
        start = time.perf_counter()
        write_report(report, Path(folder))
        return time.perf_counter() - start, (Path(folder) / PAGE).stat().st_size


if __name__ == "__main__":
    main()
