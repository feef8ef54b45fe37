"""What is served under which path."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from edgeyolo.device.server import response
from edgeyolo.device.server.access import Access
from edgeyolo.device.server.client import Client
from edgeyolo.device.server.latest import Latest
from edgeyolo.device.server.page import page, policy
from edgeyolo.device.server.pictures import Picture, Pictures
from edgeyolo.device.server.request import Request, RequestError, parse
from edgeyolo.device.server.stats import Stats

MOST_WATCHERS = 16
_PATIENCE_S = 5.0  # with a source that gives nothing; then the picture is sent again


class Site:
    """Answers one request of each client."""

    def __init__(self, access: Access, latest: Latest, pictures: Pictures, stats: Stats) -> None:
        self._access, self._latest = access, latest
        self.pictures, self.stats = pictures, stats
        self._watchers = 0

    async def serve(self, client: Client) -> None:
        """Read the request, answer it, hang up.

        Raises:
            OSError, EOFError, asyncio.TimeoutError: when the client went away or was too slow.
        """
        method = "GET"
        try:
            request = parse(await client.head())
            method = request.method
            more = self._access.check(request)
            if request.path == "/stream.mjpg" and method == "GET":
                await self._stream(client, more)
                return
            head, body = await self._answer(request, more)
        except RequestError as refused:
            head, body = response.sentence(refused.status, refused.sentence)
        await client.send(head if method == "HEAD" else head + body)
        await client.finish()

    async def _answer(self, request: Request, more: Sequence[str]) -> tuple[bytes, bytes]:
        if request.path == "/":
            html, kind = page(), "text/html; charset=utf-8"
            return response.head(200, kind, len(html), more=more, policy=policy()), html
        if request.path == "/frame.jpg":
            jpeg = (await self._picture()).jpeg
            return response.head(200, response.JPEG, len(jpeg), more=more), jpeg
        if request.path == "/stream.mjpg":  # only its head
            return response.head(200, response.STREAM, None, more=more), b""
        if request.path == "/stats.json":
            return response.values(self.stats.values(self._watchers), more)
        if request.path == "/healthz":
            ailment = self.stats.ailment()
            return response.sentence(503 if ailment else 200, ailment or "ok", more)
        raise RequestError(404, "There is /, /stream.mjpg, /frame.jpg, /stats.json and /healthz.")

    async def _picture(self) -> Picture:
        if self._latest.seen is None:
            raise RequestError(503, "There is no frame yet.")
        return await self.pictures.after(0)

    async def _stream(self, client: Client, more: Sequence[str]) -> None:
        with self._watching(client):
            beginning = response.head(200, response.STREAM, None, more=more)
            await client.send(beginning + response.DELIMITER)
            picture: Picture | None = None
            while not client.has_left():
                try:
                    coming = self.pictures.after(picture.number if picture else 0)
                    picture = await asyncio.wait_for(coming, _PATIENCE_S)
                except asyncio.TimeoutError:  # sending is how a dead client is found
                    if picture is None:
                        continue
                await client.send(picture.part)

    @contextmanager
    def _watching(self, client: Client) -> Iterator[None]:
        if self._watchers >= MOST_WATCHERS:
            raise RequestError(503, f"{MOST_WATCHERS} are watching already.")
        client.is_watching = True
        self._watchers += 1
        try:
            yield
        finally:
            self._watchers -= 1
