"""Outbox: what a peer may be slow to take, handed over by a thread of its own."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition, Thread
from typing import Generic, TypeVar

from edgeyolo.device.backoff import pause
from edgeyolo.device.seldom import Say, Seldom

Item = TypeVar("Item")

_HURRIED_S = 0.4  # for what is left at the end, if that must come soon: SIGTERM has 2 s for all


class Later(Exception):  # noqa: N818  (no error: an answer)
    """It could not be delivered now; not to be tried again before ``after_s`` seconds.

    Without a reason nothing is said.
    """

    def __init__(self, reason: str = "", after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.after_s = after_s


class Refused(Exception):  # noqa: N818
    """The peer will never take it."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What an outbox does when the peer is slower than the frames.

    Of a camera the oldest item goes. Of a file nothing has to be lost to a slow peer: with
    ``patience_s``, ``put`` waits for room, unless the peer did not take a thing for that long.
    """

    capacity: int = 100
    keep_s: float = 600.0  # what is older goes, except the newest: it is how things stand
    patience_s: float = 0.0
    closing_s: float = 0.4  # for what is left at the end

    @classmethod
    def for_source(cls, *, is_live: bool, keep_s: float = 600.0) -> Rules:
        """Those for a camera, or for a file."""
        if is_live:
            return cls(keep_s=keep_s)
        return cls(capacity=1, keep_s=keep_s, patience_s=5.0, closing_s=5.0)


class Outbox(Generic[Item]):
    """A queue with an end to its length, emptied in order by one daemon thread.

    ``deliver`` hands one item over and may take its time, as it runs in that thread. It raises
    :class:`Later` to be called again for the same item, after a pause that doubles from failure to
    failure, and :class:`Refused` when there is no use in that. ``say`` hears of losses and of
    trouble, at most once a minute each.
    """

    def __init__(
        self, name: str, deliver: Callable[[Item], object], say: Say, rules: Rules
    ) -> None:
        self._name, self._deliver, self._rules = name, deliver, rules
        self._losses, self._trouble = Seldom(say), Seldom(say)
        self._say = say
        self._changed = Condition()
        self._items: deque[tuple[float, Item]] = deque()  # monotonic time of ``put``
        self._under_way = 0  # one or none
        self._thread: Thread | None = None
        self._closing = self._over = self._stuck = self._woken = False
        self._failures = self._told = 0
        self._pause_until = self._asked_until = 0.0  # monotonic; our own, and the peer's wish
        self._deadline = math.inf  # monotonic, of the end
        self._refusals: set[str] = set()
        self.delivered = self.dropped = self.refused = 0

    def put(self, item: Item) -> None:
        """Take an item; the oldest goes where there is no room for it."""
        with self._changed:
            if self._over:
                return
            self._await_room()
            if len(self._items) >= self._rules.capacity:
                self._items.popleft()
                self.dropped += 1
            self._items.append((time.monotonic(), item))
            self._start()
            self._changed.notify_all()
        if self.dropped > self._told and self._losses(
            f"{self._name}: {self.dropped} dropped so far."
        ):
            self._told = self.dropped

    def wake(self) -> None:
        """The peer is ready: do not wait for the end of a pause."""
        with self._changed:
            self._woken, self._pause_until = True, 0.0
            self._changed.notify_all()

    def hurry(self) -> None:
        """Nothing more will come, and :meth:`close` soon; deliver what is left meanwhile."""
        self._end_within(_HURRIED_S)

    def close(self) -> None:
        """End, and say what became of the items if some are lost."""
        self.end()
        self.sum_up()

    def end(self) -> None:
        """Try to deliver what is left; what is not delivered in time is dropped."""
        self._end_within(self._rules.closing_s)
        if self._thread is not None:
            self._thread.join(max(0.0, self._deadline - time.monotonic()))
        with self._changed:
            self._over = True
            self.dropped += len(self._items) + self._under_way
            self._items.clear()
            self._changed.notify_all()

    def sum_up(self) -> None:
        """Say what became of the items if some are lost."""
        if self.dropped or self.refused:
            self._say(f"{self._name}: {self._counts()}.")

    def _end_within(self, seconds: float) -> None:
        with self._changed:
            self._closing = True
            self._deadline = min(self._deadline, time.monotonic() + seconds)
            self._pause_until = 0.0
            self._changed.notify_all()

    def _counts(self) -> str:
        refused = f", {self.refused} refused" if self.refused else ""
        return f"{self.delivered} delivered, {self.dropped} dropped{refused}"

    def _await_room(self) -> None:
        patience = 0.0 if self._stuck else self._rules.patience_s
        has_room = self._changed.wait_for(
            lambda: self._over or len(self._items) < self._rules.capacity, patience
        )
        if not has_room:
            self._stuck = True  # until a delivery; else each frame would wait as long

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():  # a bug of ours must not end it all
            self.dropped += self._under_way
            self._under_way = 0
            self._thread = Thread(target=self._work, name=f"outbox {self._name}", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while (entry := self._take()) is not None:
            try:
                self._deliver(entry[1])
            except Later as later:
                self._put_back(entry, later)
            except Refused as refused:
                self._refuse(str(refused))
            else:
                self._count_delivered()

    def _take(self) -> tuple[float, Item] | None:
        """The next item, when its time has come; ``None`` at the end."""
        with self._changed:
            while not self._over:
                self._drop_old()
                wait = max(self._pause_until, self._asked_until) - time.monotonic()
                if self._items and wait <= 0:
                    self._under_way, self._woken = 1, False
                    entry = self._items.popleft()
                    self._changed.notify_all()
                    return entry
                if self._closing and (not self._items or self._asked_until > self._deadline):
                    return None
                self._changed.wait(wait if self._items else None)
            return None

    def _drop_old(self) -> None:
        oldest = time.monotonic() - self._rules.keep_s
        while len(self._items) > 1 and self._items[0][0] < oldest:
            self._items.popleft()
            self.dropped += 1

    def _put_back(self, entry: tuple[float, Item], later: Later) -> None:
        with self._changed:
            if self._over:
                return
            self._under_way = 0
            # Where its place was taken meanwhile it is the oldest, and goes; but not where nothing
            # has to be lost to a slow peer: there put waits for room, and says what goes.
            if len(self._items) < self._rules.capacity or self._rules.patience_s:
                self._items.appendleft(entry)
            else:
                self.dropped += 1
            now = time.monotonic()
            self._pause_until = 0.0 if self._woken else now + pause(self._failures)
            self._asked_until = now + later.after_s
            self._failures += 1
        if str(later):
            self._trouble(f"{self._name}: {later}; trying again.")

    def _refuse(self, reason: str) -> None:
        with self._changed:
            if self._over:
                return
            self._under_way = 0
            self.refused += 1
        if reason not in self._refusals:
            self._refusals.add(reason)
            self._say(f"{self._name}: {reason}.")

    def _count_delivered(self) -> None:
        with self._changed:
            if self._over:
                return
            self._under_way = self._failures = 0
            self._stuck = False
            self.delivered += 1
            self._changed.notify_all()
        if self._trouble.is_told:
            self._trouble.is_told = False
            self._say(f"{self._name} is back.")
