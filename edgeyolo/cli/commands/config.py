"""edgeyolo config: the settings and where they come from."""

from __future__ import annotations

import json
from dataclasses import replace

import click

from edgeyolo.cli.options import json_flag
from edgeyolo.config import SETTINGS, Value, all_values


@click.group(short_help="Show the settings and where each comes from.")
def command() -> None:
    """Settings come from flags, EDGEYOLO_* variables, ./edgeyolo.toml, the user's own file."""


@command.command()
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
@json_flag
def show(origin: bool, as_json: bool) -> None:
    """Print every setting, its value, and with --origin where it comes from."""
    values = {key: _shown(key, entry) for key, entry in all_values().items()}
    if as_json:
        listed = {
            key: {"value": entry.value, "origin": entry.origin} if origin else entry.value
            for key, entry in values.items()
        }
        click.echo(json.dumps(listed, indent=2))
        return
    for key, entry in values.items():
        text = "-" if entry.value is None else str(entry.value)
        where = f"{entry.origin:<24}" if origin else ""
        click.echo(f"{key:<14}{text:<12}{where}{SETTINGS[key].help}")


def _shown(key: str, entry: Value) -> Value:
    """What ends up in bug reports holds no secrets."""
    is_hidden = SETTINGS[key].is_secret and entry.value is not None
    return replace(entry, value="***") if is_hidden else entry
