"""``edgeyolo run … --print-systemd-unit``: the command line as it was given, as a unit."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from edgeyolo.cli.notices import check_wishes
from edgeyolo.config import SETTINGS
from edgeyolo.device.server.address import Address
from edgeyolo.errors import UsageError

if TYPE_CHECKING:
    from edgeyolo.cli.outputs import Outputs
    from edgeyolo.device.bundle import Bundle
    from edgeyolo.device.unit import Camera

_WORDS = "edgeyolo.words"
_FLAG = "print_unit"
_SOURCES = ("source", "camera")


class Remembering(click.Command):
    """A command that still knows the words that it was called with."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep them before they are taken apart; NaN passes every limit, and is no number."""
        ctx.meta[_WORDS] = tuple(args)
        rest = super().parse_args(ctx, args)
        for param in self.params:
            value = ctx.params.get(param.name or "")
            if isinstance(value, float) and isnan(value):
                raise click.BadParameter("nan is not a number.", ctx, param)
        return rest


unit_flag = click.option(
    "--print-systemd-unit",
    _FLAG,
    is_flag=True,
    help="Print a unit that runs this command line at boot; run nothing.",
)


def unit_text(bundle: Bundle, engine: str, address: str, outputs: Outputs) -> str:
    """A unit for the command line of this moment.

    Raises:
        UsageError: when it cannot be a service.
    """
    from edgeyolo.device.source import path_of, without_secrets
    from edgeyolo.device.unit import SECRETS, Service, unit

    ctx = click.get_current_context()
    if sys.platform != "linux":
        raise UsageError("There is no systemd on this system.", "Print the unit on the board.")
    if outputs.show:
        raise UsageError("A service has no screen for --show.", "Leave it out.")
    if outputs.mqtt is not None and outputs.mqtt.password is not None:
        raise UsageError(
            "A unit can be read by everybody, so the password of --mqtt must not stand in it.",
            f"Put EDGEYOLO_MQTT_PASSWORD=… into {SECRETS}, readable by root only.",
        )
    file = path_of(address)
    if file is not None and not file.exists():
        raise UsageError(f"There is no {file}.", "Name a --source that is there.")
    check_wishes(outputs, bundle.names)
    serves = None if outputs.serve is None else Address.parse(outputs.serve)
    program, root = _program(), _absolute(bundle.root)
    service = Service(
        command=(*program, "run", str(root), *_options(ctx)),
        folder=Path.cwd(),
        user=_user(),
        engine=engine,
        camera=_camera(address),
        uses_network=_uses_network(address, outputs),
        reads=(*_installation(program), root, *([_absolute(file)] if file else [])),
        writes=tuple(dict.fromkeys(_folders(outputs))),
        shows_password=without_secrets(address) != address,
        shows_key=outputs.webhook is not None and outputs.webhook.target != "/",
        binds_low_port=serves is not None and 0 < serves.port < 1024,
        ends=file is not None or ctx.params.get("frames") is not None,
        environment=_settings(),
    )
    return unit(service)


def _absolute(path: Path) -> Path:
    # Not Path.resolve: what a link names shall still be looked up when the service starts.
    return Path(os.path.abspath(path))  # noqa: PTH100


def _program() -> tuple[str, ...]:
    """How this program was started, else the script beside its Python."""
    for script in (Path(sys.argv[0]), Path(sys.executable).with_name("edgeyolo")):
        if script.name == "edgeyolo" and script.is_file() and os.access(script, os.X_OK):
            return (str(_absolute(script)),)
    return (sys.executable, "-m", "edgeyolo")


def _installation(program: tuple[str, ...]) -> Iterator[Path]:
    """What must be seen for the program to start."""
    from edgeyolo.locations import config_file

    for place in (program[0], sys.prefix, sys.base_prefix, Path(__file__)):
        yield _absolute(Path(place))
    if config_file().is_file():
        yield _absolute(config_file())


def _options(ctx: click.Context) -> Iterator[str]:
    """The words again, without the bundle, with whole paths."""
    values, _, order = ctx.command.make_parser(ctx).parse_args(list(ctx.meta[_WORDS]))
    several = {name: iter(value) for name, value in values.items() if isinstance(value, list)}
    for option in order:
        if isinstance(option, click.Option) and option.name not in (None, _FLAG):
            yield from _words(option, next(several.get(option.name, iter(())), values[option.name]))


def _words(option: click.Option, value: Any) -> tuple[str, ...]:
    name = max(option.opts, key=len)
    if option.is_flag:
        return (name,) if value else (max(option.secondary_opts, key=len),)
    if not isinstance(value, str):  # a value that may be left out, and was
        return (name,)
    if isinstance(option.type, click.Path):
        value = str(_absolute(Path(value)))
    elif option.name in _SOURCES:
        value = _whole_address(value)
    return (f"{name}={value}",) if value.startswith("-") else (name, value)


def _whole_address(address: str) -> str:
    from edgeyolo.device.source import path_of

    file = path_of(address)
    if file is None:
        return address
    scheme, found, _ = address.strip().partition("://")
    whole = str(_absolute(file))
    return f"{scheme}://{quote(whole)}" if found else whole


def _folders(outputs: Outputs) -> Iterator[Path]:
    """Where something is written: files appear under another name first, beside their own."""
    for name in type(outputs).__dataclass_fields__:
        path = getattr(outputs, name)
        if not isinstance(path, Path):
            continue
        folder = _absolute(path) if path.is_dir() else _absolute(path).parent
        if not folder.is_dir():
            raise UsageError(
                f"There is no folder {folder}, and a service may not make it.",
                f"Make it first: mkdir -p {folder}",
            )
        yield folder


def _camera(address: str) -> Camera:
    """Whose devices are used; on a board a number may be the camera on its connector."""
    from edgeyolo.device.model import board_model, is_jetson, is_raspberry_pi
    from edgeyolo.device.source import path_of

    model = board_model()
    is_board = is_jetson(model) or is_raspberry_pi(model)

    if path_of(address) is not None:
        return "none"
    scheme, found, _ = address.strip().lower().partition("://")
    on_connector = scheme == "csi" or (not found and is_board)
    if on_connector:
        return "nvargus" if is_jetson(model) else "csi"
    return "v4l2" if not found or scheme == "v4l2" else "none"


def _uses_network(address: str, outputs: Outputs) -> bool:
    """A stream is read, or somebody elsewhere is told."""
    told = outputs.serve, outputs.mqtt, outputs.webhook
    return any(told) or address.lower().startswith(("rtsp", "http"))


def _settings() -> dict[str, str]:
    """Of the environment, what the command obeys."""
    shown = [key for key, setting in SETTINGS.items() if not setting.is_secret]
    names = ["EDGEYOLO_CONFIG_DIR", *(f"EDGEYOLO_{key.upper()}" for key in shown)]
    return {name: os.environ[name] for name in names if os.environ.get(name)}


def _user() -> str:
    import pwd

    name = pwd.getpwuid(os.geteuid()).pw_name
    return os.environ.get("SUDO_USER", name) if os.geteuid() == 0 else name
