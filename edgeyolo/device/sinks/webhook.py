"""A POST of JSON to a web server for each frame with detections."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from http.client import HTTPException, responses

from edgeyolo import __version__
from edgeyolo.device.detections import Detections
from edgeyolo.device.endpoint import Endpoint
from edgeyolo.device.frame import Frame, Sink
from edgeyolo.device.moment import iso, taken
from edgeyolo.device.outbox import Later, Outbox, Refused, Rules
from edgeyolo.device.post import Answer, Poster
from edgeyolo.device.seldom import Say
from edgeyolo.errors import ConfigError

_LONGEST_WISH_S = 3600.0  # of a Retry-After that is followed


class Webhook(Sink):
    """Sends ``{"frame", "time", "source", "detections"}``; ``time`` is UTC, ISO 8601.

    The detections are those of a JSON line. The detector never waits for the server: messages do,
    the oldest of more than 100 goes. One is sent again after a connection error, 5xx and 429 (whose
    Retry-After is followed); on another 4xx it is given up. So a server may get one twice, where
    its answer was lost. Redirects to other servers are not followed: they would get the token.

    Args:
        endpoint: the address.
        names: of the classes.
        source: what the frames come from, as ``source`` says it.
        say: hears of losses and trouble.
        token: for the ``Authorization`` header: as it is if it names its scheme (``Basic …``),
            else as ``Bearer TOKEN``.
        with_empty: also send frames without detections.
        is_live: a camera: newer messages count more than older ones.
    """

    has_peer = True

    def __init__(
        self,
        endpoint: Endpoint,
        names: Sequence[str],
        source: str,
        say: Say,
        *,
        token: str | None = None,
        with_empty: bool = False,
        is_live: bool = True,
    ) -> None:
        self._names, self._source, self._with_empty = names, source, with_empty
        self._headers = {
            "Content-Type": "application/json",
            "User-Agent": f"edgeyolo/{__version__}",
            **({} if token is None else {"Authorization": _authorization(token)}),
        }
        self._poster = Poster(endpoint)
        self._outbox: Outbox[bytes] = Outbox(
            f"Webhook {endpoint.origin}", self._post, say, Rules.for_source(is_live=is_live)
        )

    def write(self, frame: Frame, detections: Detections) -> bool:
        """Hand a message to the thread that sends it."""
        if len(detections) or self._with_empty:
            message = {
                "frame": frame.index,
                "time": iso(taken(frame)),
                "source": self._source,
                "detections": detections.to_list(self._names),
            }
            self._outbox.put(json.dumps(message).encode())
        return True

    def hurry(self) -> None:
        """Do it while other things end."""
        self._outbox.hurry()

    def close(self, *, complete: bool) -> None:
        """Send what is left; the connection goes with its thread."""
        self._outbox.close()

    def _post(self, message: bytes) -> None:
        try:
            answer = self._poster.post(message, self._headers)
        except (OSError, HTTPException) as error:
            raise Later(_reason(error)) from error
        if 200 <= answer.status < 300:
            return
        said = f"the server answers {answer.status} {responses.get(answer.status, '')}".rstrip()
        if answer.status == 429 or answer.status >= 500:
            raise Later(said, _wish(answer.retry_after))
        raise Refused(f"{said}{_advice(answer)}")


def _authorization(token: str) -> str:
    token = token.strip()
    if not (token.isascii() and token.isprintable()):
        raise ConfigError(
            "webhook_token holds what no header can.", "Use letters, digits and signs of ASCII."
        )
    return token if " " in token else f"Bearer {token}"


def _reason(error: OSError | HTTPException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, HTTPException) and not isinstance(error, OSError):
        return "the answer is no HTTP"
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()


def _wish(retry_after: str | None) -> float:
    """Seconds of a Retry-After header, which holds them or a date; 0 if it holds neither."""
    if retry_after is None:
        return 0.0
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(retry_after).timestamp() - time.time()
        except (ValueError, OverflowError):
            return 0.0
    return min(max(0.0, seconds), _LONGEST_WISH_S)  # NaN is 0, too


def _advice(answer: Answer) -> str:
    if answer.status in (401, 403):
        return " (set webhook_token)"
    if 300 <= answer.status < 400:
        return ", a redirect that is not followed"
    return ", such messages are not sent again"
