"""edgeyolo predict: latency on a board that is not at hand."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeyolo.cli.options import json_flag, setting, spec_flags, spec_of_flags
from edgeyolo.errors import DataError, UsageError

if TYPE_CHECKING:
    from edgeyolo.measure.predict import Prediction
    from edgeyolo.measure.work import Work
    from edgeyolo.profiles import DeviceProfile

_IMGSZ, _CLASSES = 640, 80
_COLUMNS = (
    *("profile", "engine", "precision", "threads", "width", "depth", "max_channels", "heads"),
    *("reg_max", "classes", "imgsz"),
)


@click.command(short_help="Predict the latency of a net on a board that is not at hand.")
@click.option("--profile", help="Board, such as raspberry-pi-4; see 'edgeyolo profiles'.")
@click.option("--engine", help="ncnn, onnxruntime or openvino; all that are known if left out.")
@click.option("--precision", help="fp32 or int8; both if left out.")
@setting("threads")
@click.option("--mode", help="Power mode, or a part of its name; that out of the box if left out.")
@spec_flags
@click.option("--classes", type=click.IntRange(1), default=_CLASSES, show_default=True)
@setting("imgsz", help=f"Side of the input in pixels [{_IMGSZ}]")
@click.option(
    "--csv",
    "table",
    type=click.Path(path_type=Path),
    help=f"Predict each line of a table with the columns {','.join(_COLUMNS)}.",
)
@click.option(
    "--ncnn-param",
    "param",
    type=click.Path(path_type=Path),
    help="Any network, given as an NCNN param file, in place of a YOLOv8.",
)
@click.option("--input", "size", metavar="WxH", help="Input of --ncnn-param, such as 320x320.")
@json_flag
def command(
    profile: str | None,
    engine: str | None,
    precision: str | None,
    threads: int | None,
    mode: str | None,
    classes: int,
    imgsz: int | None,
    table: Path | None,
    param: Path | None,
    size: str | None,
    as_json: bool,
    **values: Any,
) -> None:
    """Print how long one run of the engine takes, and the interval that 4 of 5 boards' runs lie in.

    The camera and what is before and behind the engine are not in it. No figure printed here was
    measured on the board; where its constants come from is said.
    """
    spec = spec_of_flags(values)
    if table is not None:
        _answer_table(table, as_json)
        return
    if profile is None:
        raise UsageError(
            "No board is named.", "Use --profile raspberry-pi-4, say; see 'edgeyolo profiles'."
        )
    from edgeyolo.measure.host import profile_of
    from edgeyolo.measure.predict import Predictor
    from edgeyolo.measure.work import work_of
    from edgeyolo.slim.spec import check_imgsz

    if param is not None:
        name, works = f"{param.name} at {size}", _work_of_param(param, size)
    else:
        side = imgsz or _IMGSZ
        check_imgsz(side)
        name, works = f"{spec.name} at {side} px", work_of(spec, classes, side)
    board = profile_of(profile)
    found = [
        (one, kind, Predictor(board, one, kind, threads, mode))
        for one, kind in _wanted(board, engine, precision)
    ]
    answers = [(one, kind, predict.threads, predict(works)) for one, kind, predict in found]
    if as_json:
        given = [_values(board, *answer) for answer in answers]
        click.echo(json.dumps(given[0] if engine and len(given) == 1 else given, indent=2))
        return
    click.echo(f"{name} on {board.title}, {mode or board.default_clock}, predicted:\n")
    for line in _lines(answers):
        click.echo(line)


def _wanted(
    board: DeviceProfile, engine: str | None, precision: str | None
) -> list[tuple[str, str]]:
    from edgeyolo.measure.predict import predicted_engines

    if engine is not None:
        return [(engine, precision or "fp32")]
    known = predicted_engines(board)
    found = [(one, kind) for one, kind in known if precision in (None, kind)]
    if not found:
        wanted = f" in {precision}" if precision and known else ""
        raise UsageError(
            f"No latency{wanted} is known on {board.title}.",
            "Measure one there with 'edgeyolo bench', and read it with 'edgeyolo profiles "
            "calibrate'.",
        )
    return found


def _values(
    board: DeviceProfile, engine: str, precision: str, threads: int, answer: Prediction
) -> dict[str, Any]:
    return {
        "profile": board.name,
        "engine": engine,
        "precision": precision,
        "threads": threads,
        **answer.to_dict(),
    }


def _lines(answers: list[tuple[str, str, int, Prediction]]) -> Iterator[str]:
    yield f"{'engine':<21}{'threads':>7}{'ms':>16}{'4 of 5 within':>18}   constants"
    for engine, precision, threads, answer in answers:
        within = f"{answer.low_ms:.1f}-{answer.high_ms:.1f}"
        yield (
            f"{engine + ' ' + precision:<21}{threads:>7}{answer!s:>16}{within:>18}   "
            f"{answer.origin}"
        )
    yield ""
    yield "Of the software that was measured; another version of an engine was 8 to 24 % off."


def _work_of_param(path: Path, size: str | None) -> list[Work]:
    from edgeyolo.measure.ncnn_param import work_of_param

    found = re.fullmatch(r"([0-9]{1,5})[xX]([0-9]{1,5})", size or "")
    if not found or "0" in found.groups():
        raise UsageError(
            f"{size!r} is no size of an input." if size else "The size of the input is not named.",
            "Use --input 320x320, say.",
        )
    return work_of_param(path, int(found[1]), int(found[2]))


def _answer_table(path: Path, as_json: bool) -> None:
    """One answer for each line, in the same order; nothing if one of them is wrong."""
    answers = list(_predicted(path))
    if as_json:
        click.echo(json.dumps(answers, indent=2))
        return
    click.echo(f"{'profile':<24}{'engine':<13}{'threads':>7}{'ms':>9}{'low':>9}{'high':>9}")
    for answer in answers:
        figures = "".join(f"{answer[key]:>9.1f}" for key in ("latency_ms", "low_ms", "high_ms"))
        click.echo(f"{answer['profile']:<24}{answer['engine']:<13}{answer['threads']:>7}{figures}")


def _predicted(path: Path) -> Iterator[dict[str, Any]]:
    from edgeyolo.errors import EdgeyoloError
    from edgeyolo.measure.host import profile_of
    from edgeyolo.measure.predict import Predictor

    known: dict[tuple[str, str, str, int | None], Predictor] = {}
    for number, row in _rows(path):
        try:
            board, engine, precision, threads, works = _asked(row)
            key = (board, engine, precision, threads)
            if key not in known:
                known[key] = Predictor(profile_of(board), engine, precision, threads)
            predict = known[key]
            answer = predict(works)
        except EdgeyoloError as error:
            raise DataError(f"{path}:{number}: {error.message}", error.hint) from error
        except ValueError as error:
            raise DataError(f"{path}:{number}: {error}.", "Write numbers there.") from error
        yield {
            "profile": board,
            "engine": engine,
            "precision": precision,
            "threads": predict.threads,
            **answer.to_dict(),
        }


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows = [(reader.line_num, row) for row in reader]
            columns = reader.fieldnames or ()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(f"{path} cannot be read: {reason}.", "Name a CSV file.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is no CSV file.", f"Its columns are {','.join(_COLUMNS)}.") from (
            error
        )
    missing = [column for column in _COLUMNS if column not in columns]
    if missing:
        raise DataError(
            f"{path} has no column {missing[0]!r}.", f"Its columns are {','.join(_COLUMNS)}."
        )
    return rows


def _asked(row: dict[str, str]) -> tuple[str, str, str, int | None, list[Work]]:
    from edgeyolo.measure.work import work_of
    from edgeyolo.slim.spec import SlimSpec, check_imgsz, parse_heads

    values = {column: (row[column] or "").strip() for column in _COLUMNS}
    spec = SlimSpec(
        width=float(values["width"]),
        depth=float(values["depth"]),
        max_channels=int(values["max_channels"]),
        heads=parse_heads(values["heads"]),
        reg_max=int(values["reg_max"]),
    )
    imgsz, classes = int(values["imgsz"]), int(values["classes"])
    check_imgsz(imgsz)
    if classes < 1:
        raise ValueError(f"{classes} classes are not possible")
    threads = int(values["threads"]) if values["threads"] else None
    works = work_of(spec, classes, imgsz)
    return values["profile"], values["engine"], values["precision"], threads, works
