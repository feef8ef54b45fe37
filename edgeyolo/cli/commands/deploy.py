"""edgeyolo deploy: a bundle and all that it needs to a board."""

from __future__ import annotations

import json
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeyolo.cli.ending import stop_in_order
from edgeyolo.cli.narrator import Narrator
from edgeyolo.cli.options import engine_flag, engine_of, json_flag
from edgeyolo.errors import UsageError

if TYPE_CHECKING:
    from edgeyolo.deploy.connection import Connection
    from edgeyolo.deploy.flow import Request


@click.command(short_help="Bring a bundle to a board over ssh, and check that it detects.")
@click.argument("bundle", type=click.Path(path_type=Path), required=False)
@click.argument("host", required=False)
@click.argument("run_options", nargs=-1, type=click.UNPROCESSED)
@engine_flag("Engine to install; as configured or the bundle's default if left out.")
@click.option("--image", type=click.Path(path_type=Path), help="Picture to check with [a drawing].")
@click.option("--wheel", type=click.Path(path_type=Path), help="Of edgeyolo, in place of this one.")
@click.option("--wheelhouse", is_flag=True, help="Take all packages along; for no network there.")
@click.option("--service", is_flag=True, help="Start it at boot, with the options behind --.")
@click.option("--rollback", is_flag=True, help="Back to the release before: --rollback HOST")
@click.option("--port", type=click.IntRange(1, 65535), help="Of ssh.")
@click.option("--ssh-config", type=click.Path(path_type=Path), help="In place of ~/.ssh/config.")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be done; change nothing.")
@json_flag
def command(
    bundle: Path | None,
    host: str | None,
    run_options: tuple[str, ...],
    engine: str | None,
    image: Path | None,
    wheel: Path | None,
    wheelhouse: bool,
    service: bool,
    rollback: bool,
    port: int | None,
    ssh_config: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Install edgeyolo and BUNDLE on HOST, such as pi@raspberrypi.local.

    Each release has a folder of its own below ~/.local/share/edgeyolo there, and becomes the
    current one only when it detects the same as this machine. The one before stays, for
    --rollback, and one that a service runs. With --service it runs at boot:

    edgeyolo deploy BUNDLE pi@raspberrypi.local --service -- --camera 0 --serve
    """
    from edgeyolo.deploy.connection import connected
    from edgeyolo.deploy.flow import Request
    from edgeyolo.deploy.host import checked_host
    from edgeyolo.deploy.service import check_words
    from edgeyolo.device.bundle import Bundle

    stop_in_order()
    if rollback:
        idle = (host, run_options, engine, image, wheel, wheelhouse, service)
        if bundle is None or any(idle):
            raise UsageError(
                "--rollback takes a host, and no bundle or anything that is about one.",
                "Such as: edgeyolo deploy --rollback pi@raspberrypi.local",
            )
        with connected(checked_host(str(bundle)), port, ssh_config) as connection:
            _roll_back(connection, dry_run, as_json)
        return
    if bundle is None or host is None:
        raise UsageError(
            f"No {'host' if bundle else 'bundle'} is named.",
            "Such as: edgeyolo deploy BUNDLE pi@raspberrypi.local",
        )
    if run_options and not service:
        raise UsageError(f"{run_options[0]} is not asked for.", "Add --service.")
    target, opened = checked_host(host), Bundle.open(bundle)
    words = (run_options or ("--camera", "0")) if service else None
    request = Request(opened, engine_of(opened, engine), wheel, wheelhouse, image, words)
    check_words(run_options, request.engine)
    with connected(target, port, ssh_config) as connection:
        (_plan if dry_run else _deploy)(connection, request, as_json)


def _deploy(connection: Connection, request: Request, as_json: bool) -> None:
    from edgeyolo.deploy.flow import deploy

    with closing(Narrator()) as narrator:
        answer = deploy(connection, request, narrator)
    if not answer["check"]["compared"]:
        click.echo(f"Not compared: {answer['engine']} is not here, or sees nothing.", err=True)
    if answer["service_runs_old"]:
        click.echo("The service was not changed; --service has it run this release.", err=True)
    if answer["not_removed"]:
        click.echo(f"Could not be removed: {', '.join(answer['not_removed'])}", err=True)
    if as_json:
        click.echo(json.dumps(answer))
        return
    check = answer["check"]
    known = "was there already" if answer["reused"] else "is new"
    click.echo(f"{answer['host']}: release {answer['release']} {known} and is the current one.")
    click.echo(f"  {answer['folder']}")
    click.echo(f"  {answer['engine']}, {answer['python']}")
    click.echo(f"  {check['matched']} of {check['compared']} detections as here")


def _plan(connection: Connection, request: Request, as_json: bool) -> None:
    from edgeyolo.deploy.flow import described, plan

    with tempfile.TemporaryDirectory() as work, closing(Narrator()) as narrator:
        made = plan(connection, request, Path(work), narrator)
        answer = described(connection.host, request, made)
    if as_json:
        click.echo(json.dumps(answer))
        return
    for line in _lines(answer):
        click.echo(line)


def _lines(answer: dict[str, Any]) -> list[str]:
    send = f"send {answer['bytes'] / 1e6:.1f} MB to {answer['host']}:{answer['folder']}"
    install = f"make an environment with {answer['python']}, install edgeyolo and its packages"
    service = [f"start it at boot: edgeyolo run … {' '.join(answer['service'] or ())}"]
    return [
        *(["use the release that is there"] if answer["reused"] else [send, install]),
        f"check that {answer['engine']} detects there what it detects here",
        "switch to it, keep the release before, remove older ones",
        *(service if answer["service"] is not None else []),
    ]


def _roll_back(connection: Connection, dry_run: bool, as_json: bool) -> None:
    from edgeyolo.deploy.flow import roll_back

    answer = roll_back(connection, dry_run=dry_run)
    if answer.get("service_runs_old"):
        click.echo("The service was not changed: it runs what it ran before.", err=True)
    done = f"{answer['host']}: back to {answer['release']}."
    plan = f"{answer['host']}: {answer['previous']} → {answer['release']}"
    click.echo(json.dumps(answer) if as_json else plan if dry_run else done)
