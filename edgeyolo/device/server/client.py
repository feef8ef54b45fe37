"""One connection, with a limit on all that it may take its time for."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from edgeyolo.device.server.request import RequestError

GONE = (OSError, EOFError, asyncio.TimeoutError)  # what ends a connection and is nobody's fault

_HEAD_S = 5.0  # for a request, from its first byte to its last
_SEND_S = 10.0  # for an answer, or one picture of a stream
_LINGER_S = 1.0
_READ = 8 * 1024


class Client:
    """Somebody who is connected.

    ``is_served`` while an answer to a whole request is made and sent, ``is_watching`` while that
    is a stream.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.is_served = self.is_watching = False
        writer.transport.set_write_buffer_limits(high=0)  # sent is what the kernel has taken

    async def head(self) -> bytes:
        """The request up to its empty line.

        Raises:
            RequestError: when it is too long, or takes too long.
        """
        try:
            head = await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), _HEAD_S)
        except asyncio.LimitOverrunError as error:
            raise RequestError(431, "The request is too long.") from error
        except asyncio.TimeoutError as error:
            raise RequestError(408, "The request took too long.") from error
        self.is_served = True
        return head

    async def send(self, content: bytes) -> None:
        """Wait until it is on its way.

        Raises:
            OSError, asyncio.TimeoutError: when the client is gone, or does not take it.
        """
        self._writer.write(content)
        await asyncio.wait_for(self._writer.drain(), _SEND_S)

    def has_left(self) -> bool:
        """Whether it has closed its side."""
        return self._writer.transport.is_closing() or self._reader.at_eof()

    async def finish(self) -> None:
        """Say that this was all, and wait a moment for the client to hang up.

        A socket that is closed with unread bytes in it takes back what was sent last.
        """
        self.is_served = False
        self._writer.write_eof()
        with suppress(*GONE):
            await asyncio.wait_for(self._discard(), _LINGER_S)

    async def _discard(self) -> None:
        for _ in range(64):
            if not await self._reader.read(_READ):
                return

    def drop(self) -> None:
        """Hang up at once."""
        self._writer.transport.abort()
