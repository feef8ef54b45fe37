"""Options that several commands share; their defaults come from the configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edgeyolo.config import SETTINGS, lookup

if TYPE_CHECKING:
    from edgeyolo.dataset.find import DataChoice

Function = TypeVar("Function", bound=Callable[..., Any])


def setting(key: str, *, help: str | None = None) -> Callable[[Function], Function]:
    """A flag for a key of the configuration; without the flag, the configuration decides."""
    entry = SETTINGS[key]
    flag = f"--{key.replace('_', '-')}"
    default = "" if entry.default is None or entry.kind is bool else f" [{entry.default}]"

    def resolve(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
        return lookup(key).value if value is None else value

    return click.option(
        f"{flag}/--no-{flag[2:]}" if entry.kind is bool else flag,
        key if key != "from" else "from_",
        type=None if entry.kind is bool else entry.kind,
        default=None,
        callback=resolve,
        help=(help or entry.help).capitalize() + default,
        show_envvar=False,
    )


def data_flag(function: Function) -> Function:
    """``--data``; see :func:`data_choice` for what it means to leave it out."""
    return click.option("--data", help="data.yaml of the data set, or 'demo'.")(function)


def data_choice(data: str | None) -> DataChoice:
    """The data set of the flag, of the configuration, of this folder, or the demo data."""
    from edgeyolo.dataset.find import choose_data

    if data is not None:
        return choose_data(data, "named by --data")
    configured = lookup("data")
    return choose_data(configured.value, f"named by {configured.origin}")


def json_flag(function: Function) -> Function:
    """``--json``: the answer on stdout as JSON, for programs."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(
        function
    )
