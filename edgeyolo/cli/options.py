"""Options that several commands share; their defaults come from the configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from edgeyolo.config import SETTINGS, lookup

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


def json_flag(function: Function) -> Function:
    """``--json``: the answer on stdout as JSON, for programs."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(
        function
    )
