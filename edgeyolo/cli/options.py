"""Options that several commands share; their defaults come from the configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from edgeyolo.config import SETTINGS, lookup
from edgeyolo.errors import UsageError
from edgeyolo.slim.spec import SlimSpec, parse_heads

if TYPE_CHECKING:
    from edgeyolo.dataset.find import DataChoice
    from edgeyolo.device.bundle import Bundle

_SPEC = ("width", "depth", "heads", "reg_max", "max_channels", "activation", "cut_backbone")
Function = TypeVar("Function", bound=Callable[..., Any])


def setting(
    key: str, *, help: str | None = None, also: str | None = None
) -> Callable[[Function], Function]:
    """A flag for a key of the configuration; without the flag, the configuration decides.

    ``also`` is a second name of it.
    """
    entry = SETTINGS[key]
    flag = f"--{key.replace('_', '-')}"
    default = "" if entry.default is None or entry.kind is bool else f" [{entry.default}]"

    def resolve(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
        return lookup(key).value if value is None else value

    return click.option(
        *(f"{flag}/--no-{flag[2:]}" if entry.kind is bool else flag, *filter(None, [also])),
        key if key != "from" else "from_",
        type=None if entry.kind is bool else entry.kind,
        default=None,
        callback=resolve,
        help=_sentence(help or entry.help) + default,
        show_envvar=False,
    )


def _sentence(text: str) -> str:
    # Not str.capitalize: it lowers the rest, and names lose their capitals.
    return text[:1].upper() + text[1:]


def spec_flags(function: Function) -> Function:
    """A flag for each value of a spec; see :func:`spec_of_flags`."""
    for key in reversed(_SPEC):
        function = setting(key)(function)
    return function


def spec_of_flags(values: dict[str, Any]) -> SlimSpec:
    """The net that the flags describe; they are taken out of ``values``.

    Raises:
        SpecError: when there is no such net.
    """
    named = {key: values.pop(key) for key in _SPEC}
    return SlimSpec(**{**named, "heads": parse_heads(named["heads"])})


def refuse_spec_flags(values: dict[str, Any], known_by: str) -> None:
    """Where something else says what the net is; the flags are taken out of ``values``.

    Raises:
        UsageError: naming the first flag that was given.
    """
    context = click.get_current_context()
    for key in _SPEC:
        values.pop(key)
        if context.get_parameter_source(key) is ParameterSource.COMMANDLINE:
            flag = f"--{key.replace('_', '-')}"
            raise UsageError(
                f"{flag} names a net, but {known_by} says already which one it is to be.",
                f"Leave out {flag}, or {known_by}.",
            )


def engine_flag(help: str) -> Callable[[Function], Function]:
    """``--engine`` of a command that opens a bundle; see :func:`engines_of`."""
    return click.option("--engine", help=help)


def engines_of(bundle: Bundle, flag: str | None) -> tuple[str, ...]:
    """Engines to use: those of the flag, else those configured that the bundle holds.

    The configuration also serves exports, so it may list engines that this bundle lacks; if it
    lacks all of them, its default counts.

    Raises:
        UsageError: for an unknown engine.
        BundleError: when the bundle was not exported for an engine of the flag.
    """
    from edgeyolo.device.engine import engine_names
    from edgeyolo.plan.plan import parse_engines

    if flag is not None:
        return tuple(map(bundle.with_default, parse_engines(flag, engine_names())))
    configured = lookup("engine").value
    if configured is None:
        return (bundle.default_engine,)
    named = parse_engines(configured, engine_names())
    held = tuple(name for name in named if name in bundle.engines or name == "null")
    return held or (bundle.default_engine,)


def engine_of(bundle: Bundle, flag: str | None) -> str:
    """The one engine to use: the first of :func:`engines_of`.

    Raises:
        UsageError: when the flag names several.
    """
    engines = engines_of(bundle, flag)
    if flag is not None and len(engines) > 1:
        raise UsageError(
            f"--engine names {len(engines)} engines.", f"Name one, such as --engine {engines[0]}."
        )
    return engines[0]


def size_for(model: Path, imgsz: int | None) -> int | None:
    """``imgsz`` for a checkpoint; bundles have a size, so a configured one does not concern them.

    One on the command line is, and is refused later if it is not the bundle's.
    """
    source = click.get_current_context().get_parameter_source("imgsz")
    return imgsz if model.suffix == ".pt" or source is ParameterSource.COMMANDLINE else None


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
