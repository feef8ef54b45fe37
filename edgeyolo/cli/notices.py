"""What ``edgeyolo run`` sends or keeps when it sees something: MQTT, a webhook, snapshots."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeyolo.config import lookup
from edgeyolo.errors import UsageError

if TYPE_CHECKING:
    from edgeyolo.cli.outputs import Outputs
    from edgeyolo.device.broker import Broker
    from edgeyolo.device.endpoint import Endpoint
    from edgeyolo.device.frame import Frame, Sink, Source
    from edgeyolo.device.seldom import Say
    from edgeyolo.device.wish import Wish


def notices(
    asked: Outputs,
    opened: Source,
    path: Path | None,
    names: tuple[str, ...],
    source: str,
    say: Say,
) -> list[Sink]:
    """The sinks; ``path`` is the source's, where it is a file, ``source`` its name without secrets.

    Raises:
        UsageError: when nothing that is wished for can be seen.
    """
    check_wishes(asked, names)
    sinks: list[Sink] = []
    if asked.save_when:
        _say_what_is_below(asked, say)
        sinks.append(_snapshots(asked, opened, path, names, say))
    if asked.mqtt is not None:
        sinks.append(_mqtt(asked.mqtt, opened, names, say))
    if asked.webhook is not None:
        from edgeyolo.device.sinks.webhook import Webhook

        hook = Webhook(
            *(asked.webhook, names, source, say),
            token=lookup("webhook_token").value,
            with_empty=asked.webhook_all,
            is_live=opened.is_live,
        )
        sinks.append(hook)
    return sinks


def check_notices(asked: Outputs) -> None:
    """Without a bundle.

    Raises:
        UsageError: when a flag lacks the one that it belongs to.
    """
    has_when = bool(asked.save_when)
    for flag, is_given, needed, is_there in (
        ("--save-dir", asked.save_dir is not None, "--save-when", has_when),
        ("--save-every", asked.save_every is not None, "--save-when", has_when),
        ("--webhook-all", asked.webhook_all, "--webhook", asked.webhook is not None),
    ):
        if is_given and not is_there:
            raise UsageError(f"{flag} does nothing without {needed}.", f"Add {needed}.")


def check_wishes(asked: Outputs, names: tuple[str, ...]) -> None:
    """With the classes of a bundle.

    Raises:
        UsageError: when it knows none of that name, or ``--classes`` leaves it out.
    """
    seen = click.get_current_context().params.get("classes")
    for wish in asked.save_when:
        wish.class_id(names)
        if seen is not None and wish.name not in seen:
            raise UsageError(
                f"--save-when {wish.name} saves nothing, as --classes leaves it out.",
                f"Use --classes {','.join([*seen, wish.name])}.",
            )


def _say_what_is_below(asked: Outputs, say: Say) -> None:
    given = click.get_current_context().params
    confidence = given["confidence"]
    for wish in asked.save_when:
        # A tracker also reports what scores less.
        if 0 < wish.above < confidence and not given["track"]:
            say(
                f"--save-when {wish.name}>{wish.above:g} saves from {confidence:g} on: "
                "--confidence is higher."
            )


def _mqtt(broker: Broker, opened: Source, names: tuple[str, ...], say: Say) -> Sink:
    from edgeyolo.device.sinks.mqtt import Mqtt

    if broker.user is not None and broker.password is None:
        broker = replace(broker, password=lookup("mqtt_password").value)
    return Mqtt(broker, names, say, is_live=opened.is_live)


def _snapshots(
    asked: Outputs, opened: Source, path: Path | None, names: tuple[str, ...], say: Say
) -> Sink:
    from edgeyolo.device.sinks.snapshots import Snapshots

    every = 1.0 if asked.save_every is None else asked.save_every
    if path is not None and opened.fps is None:
        every = 0.0  # photos: a second between two of them means nothing
    has_clock = path is not None and opened.fps is not None
    assert asked.save_dir is not None  # by Outputs.for_source
    return Snapshots(
        *(asked.save_dir, asked.save_when, names, say),
        every_s=every,
        clock=_time_in_video if has_clock else None,
        is_live=opened.is_live,
    )


def _time_in_video(frame: Frame) -> float:
    return frame.time_s


def _broker(ctx: click.Context, param: click.Parameter, text: str | None) -> Broker | None:
    from edgeyolo.device.broker import Broker

    return None if text is None else Broker.parse(text)


def _endpoint(ctx: click.Context, param: click.Parameter, text: str | None) -> Endpoint | None:
    from edgeyolo.device.endpoint import Endpoint

    return None if text is None else Endpoint.parse(text)


def _wishes(ctx: click.Context, param: click.Parameter, texts: tuple[str, ...]) -> tuple[Wish, ...]:
    if not texts:
        return ()
    from edgeyolo.device.wish import Wish

    return tuple(wish for text in texts for wish in Wish.parse(text))


NOTICE_FLAGS = (
    click.option(
        "--mqtt",
        metavar="URL",
        callback=_broker,
        help="Publish frames with detections, and the first without: "
        "mqtt[s]://[USER[:PASSWORD]@]HOST[:PORT]/TOPIC[?qos=1&retain=1]. "
        "TOPIC/status is online or offline.",
    ),
    click.option(
        "--webhook",
        metavar="URL",
        callback=_endpoint,
        help="POST frames with detections as JSON to https://HOST/PATH.",
    ),
    click.option("--webhook-all", is_flag=True, help="POST those without, too."),
    click.option(
        "--save-when",
        metavar="CLASS[>SCORE]",
        multiple=True,
        callback=_wishes,
        help="Save pictures of frames with these, in quotes: 'person>0.6,dog'.",
    ),
    click.option(
        "--save-dir", type=click.Path(path_type=Path), help="Folder for them [./snapshots]."
    ),
    click.option(
        "--save-every",
        metavar="SECONDS",
        type=click.FloatRange(0),
        help="At most one in so many seconds [1].",
    ),
)
