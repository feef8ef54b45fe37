"""Fit the latency model of every board to published measurements, and judge it.

    python tools/calibrate_profiles.py --table published_latency.csv --params ncnn_models --report
    python tools/calibrate_profiles.py --table published_latency.csv --params ncnn_models --write

``--report`` leaves one net out at a time (of YOLOBench, one width and depth at all its sizes), fits
the others, predicts it, and prints the errors; then how well one author's table predicts another's.
``--write`` puts the costs into ``profiles/*.yaml``, below a line that says so.
"""

from __future__ import annotations

import argparse
import json
import math
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from fit_costs import Judged, Measured, fit, judge
from published import Networks, Row, measured, read_table

from edgeyolo.measure.costs import Z80, Costs, Vector, costs_of, terms, timing_of
from edgeyolo.measure.predict import last_cache_bytes
from edgeyolo.measure.work import work_of
from edgeyolo.profiles import DeviceProfile, load_profile
from edgeyolo.slim.spec import SlimSpec
from edgeyolo.timing import Like, Speedup, Timing

PROFILES = Path(__file__).parent.parent / "profiles"
_MARK = "# From here on written by tools/calibrate_profiles.py."
_NCNN = "Tencent/ncnn benchmark/README.md"
_YOLOBENCH = "YOLOBench (Deeplite, deeplite-torch-zoo)"


@dataclass(frozen=True, slots=True)
class Fit:
    """Costs fitted to rows of the table: those of the board and engine whose source begins so."""

    board: str
    engine: str
    precision: str
    rows: str
    source: str
    models: str = ""
    speedup_of: str = ""  # precision of NCNN on the same board, whose threads tell more
    is_used: bool = True  # else only judged

    @property
    def name(self) -> str:
        return f"{self.board} {self.engine} {self.precision}"

    def takes(self, row: Row) -> bool:
        wanted = "int8" if self.precision == "int8" else "float"
        return (
            (row.board, row.engine, row.precision) == (self.board, self.engine, wanted)
            and self.rows in row.source
            and row.model.startswith(self.models)
            and row.threads is not None
        )


def _ncnn(board: str, date: str) -> Iterator[Fit]:
    source = f"ncnn's benchmark/README.md of {date}"
    yield Fit(board, "ncnn", "fp32", f"({date})", source)
    yield Fit(board, "ncnn", "int8", f"({date})", source, speedup_of="fp32")


FITS = (
    *_ncnn("raspberry-pi-zero-2w", "2022-01-17"),
    *_ncnn("raspberry-pi-3b-plus", "2023-06-23"),
    *_ncnn("raspberry-pi-4", "2023-06-15"),
    *_ncnn("raspberry-pi-5", "2023-12-12"),
    *_ncnn("jetson-nano", "2022-01-17"),
    *_ncnn("jetson-orin-nano", "2023-12-12"),
    *(
        Fit(board, "onnxruntime", "fp32", column, _YOLOBENCH, "yolobench:yolo8", "fp32")
        for board, column in (
            ("raspberry-pi-4", "pi4_ort_latency"),
            ("raspberry-pi-5", "pi5_ort_latency"),
        )
    ),
    Fit(
        *("raspberry-pi-4", "tflite", "fp32", "raspi4_tflite_latency", _YOLOBENCH),
        *("yolobench:yolo8", "fp32"),
        is_used=False,
    ),
)


@dataclass(frozen=True, slots=True)
class Scaled:
    """Costs of another timing times a factor, which is that of some rows of the table."""

    board: str
    engine: str
    like: Like
    since: str = ""  # earlier versions of the engine were something else
    source: str = "Ultralytics' guides, YOLOv8, YOLO11 and YOLO26"

    def takes(self, row: Row) -> bool:
        return (
            (row.board, row.engine, row.precision) == (self.board, self.engine, "float")
            and row.published >= self.since
            and ("ltralytics" in row.source or "huggingface.co/Arm" in row.source)
        )


@dataclass(frozen=True, slots=True)
class Transferred:
    """Costs of the same engine on another board, times what ``via`` takes here and takes there."""

    board: str
    engine: str
    of: str
    via: str = "ncnn"


_GUIDES = (
    Scaled("raspberry-pi-5", "openvino", Like("raspberry-pi-5", "onnxruntime", "fp32"), "2024-12"),
    Scaled("jetson-orin-nx-16gb", "ncnn", Like("jetson-orin-nano", "ncnn", "fp32")),
    Scaled("jetson-orin-nx-16gb", "onnxruntime", Like("raspberry-pi-5", "onnxruntime", "fp32")),
    Scaled(
        *("jetson-orin-nx-16gb", "openvino", Like("raspberry-pi-5", "onnxruntime", "fp32")),
        since="2024-12",
    ),
    Scaled("jetson-orin-nano-super", "ncnn", Like("jetson-orin-nano", "ncnn", "fp32")),
    Scaled("jetson-orin-nano-super", "openvino", Like("raspberry-pi-5", "onnxruntime", "fp32")),
)
_TRANSFERS = (
    Transferred("raspberry-pi-zero-2w", "onnxruntime", "raspberry-pi-4"),
    Transferred("raspberry-pi-3b-plus", "onnxruntime", "raspberry-pi-4"),
    Transferred("jetson-nano", "onnxruntime", "raspberry-pi-4"),
    Transferred("jetson-orin-nano-super", "onnxruntime", "jetson-orin-nx-16gb", "openvino"),
    Transferred("jetson-orin-nano", "onnxruntime", "jetson-orin-nano-super"),
    Transferred("jetson-orin-nano", "openvino", "jetson-orin-nano-super"),
    Transferred("raspberry-pi-3b-plus", "openvino", "raspberry-pi-4"),
    Transferred("raspberry-pi-zero-2w", "openvino", "raspberry-pi-4"),
)
# The same where both sides are measured: how wrong such a transfer is.
_CHECKS = (
    Transferred("raspberry-pi-5", "onnxruntime", "raspberry-pi-4"),
    Transferred("jetson-orin-nx-16gb", "onnxruntime", "raspberry-pi-5"),
    Transferred("jetson-orin-nx-16gb", "openvino", "raspberry-pi-5"),
    Transferred("jetson-orin-nano-super", "openvino", "raspberry-pi-5"),
    Transferred("jetson-orin-nano-super", "openvino", "jetson-orin-nx-16gb"),
    Transferred("jetson-orin-nx-16gb", "openvino", "raspberry-pi-5", "onnxruntime"),
)
# XNNPACK's int8 against its float on four threads (EfficientDet-lite, NobuoTsukamoto/benchmarks):
# what ONNX Runtime can gain at most, as far as is known; the least is nothing.
_INT8_GAIN = {False: 2.63, True: 3.24}  # without and with instructions for dot products


# The family that boards are compared with.
_FAMILY = tuple(
    (SlimSpec(width=width, heads=heads), imgsz)
    for width in (0.125, 0.25, 0.5)
    for heads in (("P3", "P4", "P5"), ("P3", "P4"))
    for imgsz in (320, 640)
)


class Calibration:
    """The table, and what was fitted to it."""

    def __init__(self, table: Path, params: Path) -> None:
        self.rows = read_table(table)
        self.networks = Networks(params)
        self.costs: dict[Like, Costs] = {}
        self.timings: dict[Like, Timing] = {}
        for wanted in FITS:
            self._fit(wanted)
        for wanted in _GUIDES:
            self._scale(wanted)
        self.transfer_error = float(np.sqrt(np.mean(np.square(list(self.checks().values())))))
        self._between("raspberry-pi-4")
        for wanted in _TRANSFERS:
            self._transfer(wanted)
        self._guess_xavier()
        for like in list(self.timings):
            self._guess_int8(like)

    def measured(self, board: str, rows: list[Row]) -> Measured:
        """Rows of the table, those without a number of threads with all of the board's."""
        most = load_profile(board).cores.count
        known = [row if row.threads else replace(row, threads=most) for row in rows]
        return measured(known, self.networks, last_cache_bytes(load_profile(board)))

    def of(self, wanted: Fit) -> Measured:
        """The rows of a fit."""
        return self.measured(wanted.board, [row for row in self.rows if wanted.takes(row)])

    def speedup(self, wanted: Fit) -> Speedup | None:
        """That of NCNN on the same board, where the rows of a fit say nothing of it."""
        if not wanted.speedup_of:
            return None
        return self.costs[Like(wanted.board, "ncnn", wanted.speedup_of)].speedup

    def checks(self) -> dict[str, float]:
        """Logarithm of how much too large each transfer is whose answer is known."""
        found = {}
        for check in _CHECKS:
            here = Like(check.board, check.engine, "fp32")
            there = Like(check.of, check.engine, "fp32")
            known = self._ratio(here, there)
            error = math.log(self._factor(check) / known)
            found[f"{check.engine} of {check.of} to {check.board} by {check.via}"] = error
        return found

    def _fit(self, wanted: Fit) -> None:
        rows = [row for row in self.rows if wanted.takes(row)]
        found = self.measured(wanted.board, rows)
        costs = fit(found, self.speedup(wanted))
        clocks = {row.mhz for row in rows}
        mhz = clocks.pop() if len(clocks) == 1 else None
        if wanted.is_used:
            count = len(found.milliseconds)
            source = f"fitted to {count} measurements of {wanted.source}"
            like = Like(wanted.board, wanted.engine, wanted.precision)
            self.costs[like] = costs
            self.timings[like] = timing_of(costs, source, count, mhz)

    def _scale(self, wanted: Scaled) -> None:
        rows = [row for row in self.rows if wanted.takes(row)]
        found, costs = self.measured(wanted.board, rows), self.costs[wanted.like]
        ratios = np.log(found.milliseconds / predict(costs, found))
        source = (
            f"{wanted.like} x a factor that {len(ratios)} measurements of {wanted.source} have "
            "on this board"
        )
        factor, error = float(np.exp(ratios.mean())), float(ratios.std(ddof=1))
        # The scatter of these rows holds what those that the costs were fitted to have.
        extra = math.sqrt(max(0.0, error**2 - costs.error**2))
        # These guides have a board run at its highest clock.
        mhz = max(clock.mhz for clock in load_profile(wanted.board).clocks.values())
        self._like(wanted.board, wanted.engine, "fp32", wanted.like, factor, extra, source, mhz)

    def _transfer(self, wanted: Transferred) -> None:
        like = Like(wanted.of, wanted.engine, "fp32")
        source = (
            f"not measured on this board: {like} x what {wanted.via} takes here and there; such "
            f"factors are off by {100 * self.transfer_error:.0f} % where they can be checked"
        )
        factor = self._factor(wanted)
        mhz = self.timings[Like(wanted.board, wanted.via, "fp32")].mhz
        self._like(
            *(wanted.board, wanted.engine, "fp32", like, factor, self.transfer_error, source, mhz)
        )

    def _between(self, board: str) -> None:
        """OpenVINO's costs on a core without float16, where only the order of engines is known."""
        slow, fast = Like(board, "onnxruntime", "fp32"), Like(board, "ncnn", "fp32")
        gap = self._ratio(fast, slow)
        source = (
            f"no figure: Ultralytics' guide has YOLOv8n between {fast} and {slow} on this board"
        )
        error = max(0.2, -math.log(gap) / 2 / Z80)
        self._like(board, "openvino", "fp32", slow, math.sqrt(gap), error, source)

    def _guess_xavier(self) -> None:
        board, other = "jetson-xavier-nx", "jetson-orin-nano"
        here, there = load_profile(board), load_profile(other)
        peaks = [_middle(profile) for profile in (here, there)]
        for engine in ("ncnn", "onnxruntime", "openvino"):
            like = Like(other, engine, "fp32")
            source = (
                f"not measured on this board or core: {like} x the ratio of the peaks; the error "
                "is a guess"
            )
            self._like(board, engine, "fp32", like, peaks[1] / peaks[0], 0.5, source)
        like = Like(other, "ncnn", "int8")
        source = f"not measured on this board or core: {like} x the ratio of the peaks"
        self._like(board, "ncnn", "int8", like, peaks[1] / peaks[0], 0.5, source)

    def _guess_int8(self, like: Like) -> None:
        int8 = replace(like, precision="int8")
        if like.precision != "fp32" or int8 in self.timings:
            return
        if like.engine == "ncnn":  # a board whose float is that of another
            other = self.timings[like].like
            assert other is not None
            found = self.timings[like]
            self._like(
                *(like.profile, like.engine, "int8", replace(other, precision="int8")),
                *(found.factor, found.error_percent / 100, f"{found.source}; int8 likewise"),
                found.mhz,
            )
            return
        if like.engine == "openvino":
            source = f"not measured: the time of {like}, as OpenVINO documents int8 for x86-64 only"
            mhz = self.timings[like].mhz
            self._like(like.profile, like.engine, "int8", like, 1.0, 0.3, source, mhz)
            return
        gain = _INT8_GAIN[load_profile(like.profile).isa.dotprod]
        source = (
            f"not measured on this core: between the time of {like} and that over {gain}, which "
            "TFLite gains"
        )
        factor, error = 1 / math.sqrt(gain), math.log(gain) / 2 / Z80
        mhz = self.timings[like].mhz
        self._like(like.profile, like.engine, "int8", like, factor, error, source, mhz)

    def _like(
        self,
        board: str,
        engine: str,
        precision: str,
        like: Like,
        factor: float,
        error: float,
        source: str,
        mhz: float | None = None,
    ) -> None:
        timing = Timing(
            source=source,
            error_percent=round(max(0.1, 100 * error), 1),
            like=like,
            factor=round(factor, 4),
            mhz=mhz,
        )
        here = Like(board, engine, precision)
        self.timings[here] = timing
        self.costs[here] = costs_of(timing, self.costs.__getitem__)

    def _factor(self, wanted: Transferred) -> float:
        return self._ratio(
            Like(wanted.board, wanted.via, "fp32"), Like(wanted.of, wanted.via, "fp32")
        )

    def _ratio(self, here: Like, there: Like) -> float:
        """How many times longer the family takes, each board with all of its cores.

        Each at the clock that it was measured at.
        """
        return float(np.median(self._family(here) / self._family(there)))

    def _family(self, like: Like) -> Vector:
        profile = load_profile(like.profile)
        cache, costs, threads = last_cache_bytes(profile), self.costs[like], profile.cores.count
        return np.array(
            [
                costs.milliseconds(terms(work_of(spec, 80, imgsz), cache), threads)
                for spec, imgsz in _FAMILY
            ]
        )


def _middle(profile: DeviceProfile) -> float:
    """Peak in the default mode; of a range, the middle."""
    peak = profile.peak_gflops("fp32", profile.default_clock)
    assert peak is not None
    return math.sqrt(peak.low * peak.high)


def predict(costs: Costs, found: Measured) -> Vector:
    """Latencies (N,) of measured networks."""
    return np.array(
        [
            costs.milliseconds(counts, int(threads))
            for counts, threads in zip(found.counts, found.threads, strict=True)
        ]
    )


# The report

_GOALS = {  # mean and worst error, %
    "raspberry-pi-4 onnxruntime fp32": (2.5, 12),
    "raspberry-pi-5 onnxruntime fp32": (4.5, 16),
    "raspberry-pi-4 tflite fp32": (9, None),
    "raspberry-pi-4 ncnn fp32": (20, None),
    "raspberry-pi-5 ncnn fp32": (20, None),
}
# Tables of other authors, or of another build, than the costs were fitted to.
_ACROSS = (
    ("raspberry-pi-5", "onnxruntime", "", "ltralytics", "the guide's YOLO11 and YOLO26"),
    ("raspberry-pi-5", "ncnn", "", "ltralytics", "the guide's YOLO11 and YOLO26"),
    ("raspberry-pi-4", "ncnn", "", "2022-01-17", "ncnn's benchmark of January 2022"),
    ("raspberry-pi-4", "ncnn", "", "2021-05-06", "ncnn's benchmark of May 2021"),
    ("raspberry-pi-5", "ncnn", "", "2023-09-28", "ncnn's benchmark of September 2023"),
    ("raspberry-pi-5", "ncnn", "", "2024-07-08", "ncnn's benchmark of July 2024 at 2.9 GHz"),
    ("raspberry-pi-3b-plus", "ncnn", "", "2022-01-03", "ncnn's benchmark of January 2022"),
)


def report(calibration: Calibration) -> dict[str, Any]:
    """Errors of predictions for what the costs were not fitted to."""
    left_out, every = {}, []
    for wanted in FITS:
        judged = judge(calibration.of(wanted), calibration.speedup(wanted))
        every.append(judged)
        left_out[wanted.name] = _figures(judged, _GOALS.get(wanted.name))
    across, errors = {}, []
    for board, engine, precision, source, name in _ACROSS:
        like = Like(board, engine, precision or "fp32")
        found = [
            row
            for row in calibration.rows
            if (row.board, row.engine, row.precision) == (board, engine, "float")
            and source in row.source
        ]
        error = _across(calibration, like, found)
        errors.append(error)
        across[f"{like}: {name}"] = _spread(error)
    z = np.concatenate([judged.measured_z for judged in every])
    return {
        "left out": left_out,
        "coverage of all, %": round(100 * float(np.mean(z <= Z80)), 1),
        "across sources": across | {"all": _spread(np.concatenate(errors))},
        "transfers, %": {
            name: round(100 * (math.exp(error) - 1)) for name, error in calibration.checks().items()
        },
    }


def _across(calibration: Calibration, like: Like, rows: list[Row]) -> Vector:
    found = calibration.measured(like.profile, rows)
    known = [row for row in rows if calibration.networks.work(row) is not None]
    mhz = calibration.timings[like].mhz
    slower = np.array([mhz / row.mhz if mhz and row.mhz else 1.0 for row in known])
    return predict(calibration.costs[like], found) * slower / found.milliseconds - 1


def _figures(judged: Judged, goal: tuple[float, float | None] | None) -> dict[str, Any]:
    errors = np.abs(judged.errors)
    threads = judged.measured.threads
    found = {
        **_spread(judged.errors),
        "by threads": {
            str(count): round(100 * float(errors[threads == count].mean()), 1)
            for count in np.unique(threads)
        },
        "coverage, %": round(100 * judged.coverage),
    }
    if goal:
        mean, worst = goal
        reached = found["mean, %"] <= mean and (worst is None or found["worst, %"] <= worst)
        found["goal"] = f"{mean} / {worst or '-'}: {'reached' if reached else 'missed'}"
    return found


def _spread(errors: Vector) -> dict[str, Any]:
    return {
        "N": len(errors),
        "mean, %": round(100 * float(np.abs(errors).mean()), 2),
        "worst, %": round(100 * float(np.abs(errors).max()), 1),
        "bias, %": round(100 * float(errors.mean()), 1),
    }


# The profiles


def write(calibration: Calibration) -> None:
    """Put the costs into the profiles."""
    boards = sorted({like.profile for like in calibration.timings})
    for board in boards:
        path = PROFILES / f"{board}.yaml"
        text = path.read_text(encoding="utf-8").split(_MARK)[0].rstrip()
        found = {key: value for key, value in calibration.timings.items() if key.profile == board}
        path.write_text(f"{text}\n\n{_MARK}\n{_block(found)}", encoding="utf-8")


def _block(timings: dict[Like, Timing]) -> str:
    lines = ["latency:"]
    for engine in sorted({like.engine for like in timings}):
        lines.append(f"  {engine}:")
        for like in sorted((like for like in timings if like.engine == engine), key=str):
            lines.append(f"    {like.precision}:")
            lines += [f"      {line}" for line in _lines(timings[like])]
    return "\n".join(lines) + "\n"


def _lines(timing: Timing) -> Iterator[str]:
    yield f"source: {json.dumps(timing.source)}"
    yield f"error_percent: {timing.error_percent}"
    if timing.like is not None:
        yield f"like: {timing.like}"
        yield f"factor: {timing.factor}"
    if timing.mhz:
        yield f"mhz: {timing.mhz:g}"
    if timing.like is not None:
        return
    assert timing.speedup is not None
    yield f"threads: {timing.threads}"
    yield f"speedup: {{compute: {timing.speedup.compute:g}, memory: {timing.speedup.memory:g}}}"
    yield f"measurements: {timing.measurements}"
    yield "picoseconds:"
    yield from (f"  {term}: {value:g}" for term, value in timing.picoseconds.items())
    yield "spread: >-"
    yield from (f"  {line}" for line in textwrap.wrap(str(timing.spread), 92))


def main() -> None:
    """Fit, and say or write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", type=Path, required=True, help="CSV of published latencies")
    parser.add_argument("--params", type=Path, required=True, help="folder of NCNN param files")
    parser.add_argument("--report", action="store_true", help="print how good the fits are")
    parser.add_argument("--write", action="store_true", help="change the profiles")
    options = parser.parse_args()
    calibration = Calibration(options.table, options.params)
    if options.report:
        print(json.dumps(report(calibration), indent=2))
    if options.write:
        write(calibration)


if __name__ == "__main__":
    main()
