"""The flags of a budget, which plan and slim share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from edgeyolo.cli.options import setting
from edgeyolo.errors import UsageError
from edgeyolo.plan.budget import TYPICAL_MAP, Budget, parse_bytes

if TYPE_CHECKING:
    from edgeyolo.dataset.find import DataChoice
    from edgeyolo.plan.answer import Planned
    from edgeyolo.progress import Progress
    from edgeyolo.train.recipe import Recipe

Function = TypeVar("Function", bound=Callable[..., Any])
_LIMITS = ("fps", "latency", "max_size", "max_memory", "max_drop")
_BUDGET = ("profile", "mode", *_LIMITS, "map", "threads")


def bytes_of(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """Callback of an option that is a size."""
    return None if value is None else parse_bytes(value)


def budget_flags(function: Function) -> Function:
    """A flag for the board and for each limit; see :func:`budget_of`."""
    for option in reversed(
        (
            click.option("--profile", help="Board, as raspberry-pi-4; see 'edgeyolo profiles'."),
            click.option("--mode", help="Its power mode, or a part of the name."),
            click.option("--fps", type=float, help="Frames per second that it has to reach."),
            click.option("--latency", type=float, help="The same in ms from image to detections."),
            click.option("--max-size", callback=bytes_of, help="Largest file, as 4MB."),
            click.option("--max-memory", callback=bytes_of, help="Largest process, as 200MB."),
            click.option("--max-drop", type=float, help="Points of mAP50-95 that may be lost."),
            click.option(
                "--map",
                type=click.FloatRange(0, 1, min_open=True),
                default=TYPICAL_MAP,
                show_default=True,
                help="mAP50-95 of the wide net on these data, if it is known.",
            ),
            setting("threads", help="threads of the engine there [all cores]"),
        )
    ):
        function = option(function)
    return function


def drop_budget(values: dict[str, Any]) -> None:
    """Take the flags out of ``values``, where there is no budget.

    Raises:
        UsageError: when one was given that means nothing without.
    """
    context = click.get_current_context()
    for key in _BUDGET:
        values.pop(key)
        if context.get_parameter_source(key) is ParameterSource.COMMANDLINE:
            raise UsageError(f"--{key} goes with a budget.", "Add --profile and --fps, say.")


def is_budgeted(values: dict[str, Any]) -> bool:
    """Whether a board or a limit is named."""
    return any(values[name] is not None for name in ("profile", *_LIMITS))


def budget_of(values: dict[str, Any]) -> Budget:
    """The budget that the flags describe; they are taken out of ``values``.

    Raises:
        UsageError: when there is no such budget.
    """
    return Budget.of(*(values.pop(name) for name in _LIMITS))


def planned(
    choice: DataChoice, budget: Budget, recipe: Recipe, values: dict[str, Any], progress: Progress
) -> Planned:
    """Ask for what the flags say.

    Raises:
        UsageError: when no board is named, or there is none of that name.
    """
    from edgeyolo.device.engine import ENGINES
    from edgeyolo.flow.plan import plan, wide_spec
    from edgeyolo.flow.weights import find_weights
    from edgeyolo.measure.host import profile_of
    from edgeyolo.plan.answer import Question
    from edgeyolo.plan.outlook import Board
    from edgeyolo.plan.plan import parse_engines
    from edgeyolo.slim.spec import check_imgsz

    if values["profile"] is None:
        raise UsageError(
            "No board is named.", "Use --profile raspberry-pi-4, say; see 'edgeyolo profiles'."
        )
    engines = parse_engines(values["engine"], ENGINES) if values["engine"] else None
    board = Board(profile_of(values["profile"]), engines, values["threads"], values["mode"])
    source = find_weights(values["from_"], is_demo=choice.is_demo)
    wide = wide_spec(source)
    check_imgsz(recipe.imgsz, wide)
    question = Question(board, budget, wide, len(choice.names()), recipe.imgsz, values["map"])
    return plan(question, choice, source, recipe, progress)
