"""Entry point: finds the commands and turns errors into one sentence and an exit code."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path

import click

from edgeyolo import __version__
from edgeyolo.cli.edge import guard, leave

_COMMANDS = Path(__file__).parent / "commands"
WORDS = "edgeyolo.words"  # key of a context's meta: what follows the program's name


class Commands(click.Group):
    """Commands found by file name and imported when they are needed."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the words as they were given."""
        ctx.meta[WORDS] = list(args)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands."""
        files = (path.stem for path in _COMMANDS.glob("*.py"))
        return sorted(name.rstrip("_") for name in files if name != "__init__")

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import one command."""
        if name not in self.list_commands(ctx):
            return None
        for stem in (name, f"{name}_"):  # a trailing _ where the name is a Python keyword or module
            if (_COMMANDS / f"{stem}.py").is_file():
                command = import_module(f"edgeyolo.cli.commands.{stem}").command
                assert isinstance(command, click.Command)
                return command
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command when there is no such one."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = get_close_matches(args[0], self.list_commands(ctx), n=1)
            if not near:
                raise
            raise click.UsageError(f"{error.message} Did you mean {near[0]!r}?", ctx) from error


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    invoke_without_command=True,
)
@click.version_option(__version__, prog_name="edgeyolo")
@click.pass_context
def edgeyolo(ctx: click.Context) -> None:
    """Make YOLOv8n smaller without throwing its weights away, and run it on a small board."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=not sys.stdout.isatty())
        ctx.exit(0 if sys.stdout.isatty() else 2)


def main() -> None:
    """Run the command line; the process ends with an ``ExitCode``."""
    # OpenCV prints a screenful where a camera or a file is missing; we say it in a sentence.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    leave(guard(edgeyolo))
