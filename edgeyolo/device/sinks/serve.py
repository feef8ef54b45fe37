"""A live page, a stream and figures for browsers and monitors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgeyolo.device.detections import Detections
from edgeyolo.device.frame import Frame, Sink
from edgeyolo.device.meter import Meter
from edgeyolo.device.server.access import Access, token_for
from edgeyolo.device.server.address import Address, is_loopback, listen, reachable
from edgeyolo.device.server.latest import Latest
from edgeyolo.device.server.pictures import Pictures
from edgeyolo.device.server.server import Server
from edgeyolo.device.server.site import Site
from edgeyolo.device.server.stats import Stats

STALE_S = 10.0  # without a frame, after which /healthz says so


class Serve(Sink):
    """Keeps the last frame for a server in a thread of its own.

    On an address that other machines reach a token is needed. ``say`` is told the URL, with the
    token in it if that is not the configured one.

    Raises:
        UsageError: when ``address`` is none of this machine, or the configured token is too short.
        EdgeyoloError: when the port is in use.
    """

    has_peer = True

    def __init__(
        self,
        address: str,
        names: Sequence[str],
        meter: Meter,
        say: Callable[[str], object],
        configured: str | None = None,
        stale_s: float = STALE_S,
    ) -> None:
        asked = Address.parse(address)
        listening = listen(asked)
        try:
            is_local = is_loopback(listening)
            token = token_for(configured, is_loopback=is_local)
        except BaseException:
            listening.close()
            raise
        self.at = reachable(listening, asked.host)
        access = Access(asked.host, self.at.port, token, is_loopback=is_local)
        self._latest = Latest()
        stats = Stats(self._latest, names, meter, stale_s)
        site = Site(access, self._latest, Pictures(self._latest, names), stats)
        self._server = Server(listening, site)
        shown = f"?token={token}" if token and not configured else ""
        say(f"Live page: http://{self.at}/{shown}")

    def write(self, frame: Frame, detections: Detections) -> bool:
        """Keep it until the next one; drawing and encoding are left to the server."""
        self._latest.put(frame, detections)
        return True

    def close(self, *, complete: bool) -> None:
        """End the server and all its connections."""
        self._server.close()
