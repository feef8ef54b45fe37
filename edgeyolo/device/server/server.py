"""The thread that serves, and how many it lets in."""

from __future__ import annotations

import asyncio
import socket
from threading import Thread
from typing import Any

from edgeyolo.device.engine import available_cores
from edgeyolo.device.server.address import BACKLOG
from edgeyolo.device.server.client import GONE, Client
from edgeyolo.device.server.pace import Paced, share
from edgeyolo.device.server.request import MOST_BYTES
from edgeyolo.device.server.site import Site

_MOST_CLIENTS = 64  # well above those who may watch
_AT_ONCE = 8  # new ones in one pass: they are to be read before others push them out
_PATIENCE_S = 1.0  # for the thread, at the end
_TICK_S = 1.0


class Server:
    """Serves from its making until it is closed.

    Who is not being answered and has been there longest makes room for a newcomer: those who only
    hold a connection keep nobody out.
    """

    def __init__(self, listening: socket.socket, site: Site) -> None:
        self._listening, self._site = listening, site
        self._clients: dict[Client, asyncio.Task[None]] = {}  # in order of arrival
        cores = available_cores()
        self._pace = Paced(share=lambda: share(is_scaled=site.pictures.are_scaled, cores=cores))
        self._loop = asyncio.SelectorEventLoop(self._pace)
        self._loop.set_exception_handler(_report)
        self._stopping = asyncio.Event()
        self._thread = Thread(target=self._run, name="serve", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Hang up on all; takes less than a second."""
        if self._thread.is_alive():
            self._pace.hurry()
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(_PATIENCE_S)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()
            self._listening.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(
            self._meet, sock=self._listening, limit=MOST_BYTES, backlog=_AT_ONCE
        )
        self._listening.listen(BACKLOG)  # asyncio has but one number for both
        while not self._stopping.is_set():
            try:
                await asyncio.wait_for(self._stopping.wait(), _TICK_S)
            except asyncio.TimeoutError:
                self._site.stats.tick()
        server.close()
        await self._hang_up()

    async def _hang_up(self) -> None:
        for client in self._clients:
            client.drop()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)  # dropped connections are closed in the next pass

    def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Client(reader, writer)
        self._make_room()
        self._clients[client] = self._loop.create_task(self._talk(client))

    async def _talk(self, client: Client) -> None:
        try:
            await self._site.serve(client)
        except GONE:
            pass
        finally:
            client.drop()
            self._clients.pop(client, None)

    def _make_room(self) -> None:
        if len(self._clients) >= _MOST_CLIENTS:
            idle = (client for client in self._clients if not client.is_served)
            others = (client for client in self._clients if not client.is_watching)
            oldest = next(idle, None) or next(others)
            oldest.drop()
            del self._clients[oldest]


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A connection that broke, or one too many for the system, is no news; a bug is."""
    if not isinstance(context.get("exception"), OSError):
        loop.default_exception_handler(context)
