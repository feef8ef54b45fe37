"""The queue between the frames and a slow peer: nobody waits, and every item is accounted for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from edgeyolo.device import outbox, seldom
from edgeyolo.device.backoff import pause
from edgeyolo.device.outbox import Later, Outbox, Refused, Rules
from edgeyolo.device.seldom import Seldom

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")


class Peer:
    """Takes what it is given, when it may."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.tries: list[int] = []
        self.times: list[float] = []
        self.trouble: list[Exception] = []  # raised in turn
        self.may = threading.Event()
        self.may.set()
        self.called = threading.Event()

    def __call__(self, item: int) -> None:
        self.tries.append(item)
        self.times.append(time.monotonic())
        self.called.set()
        assert self.may.wait(30)
        if self.trouble:
            raise self.trouble.pop(0)
        self.taken.append(item)


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.may.set()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "pause", lambda failures: 0.0)


def _until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


def _accounted(box: Outbox[int]) -> int:
    return box.delivered + box.dropped + box.refused


def test_all_arrive_in_order(peer: Peer, said: list[str]) -> None:
    box = Outbox("Peer", peer, said.append, Rules(closing_s=60.0))
    for item in range(50):
        box.put(item)
    box.close()
    assert peer.taken == list(range(50))
    assert (box.delivered, box.dropped, box.refused) == (50, 0, 0)
    assert said == []


def test_an_unused_one_starts_no_thread(peer: Peer, said: list[str]) -> None:
    before = threading.active_count()
    box = Outbox("Peer", peer, said.append, Rules())
    assert threading.active_count() == before
    box.close()
    assert said == []


def test_the_oldest_go_when_it_is_full_and_nobody_waits(peer: Peer, said: list[str]) -> None:
    peer.may.clear()
    box = Outbox("Peer", peer, said.append, Rules(capacity=3))
    box.put(0)
    assert peer.called.wait(60)
    start = time.monotonic()
    for item in range(1, 1001):
        box.put(item)
    assert time.monotonic() - start < 5
    assert said == ["Peer: 1 dropped so far."]  # and not 997 times
    peer.may.set()
    _until(lambda: len(peer.taken) == 4)
    assert peer.taken == [0, 998, 999, 1000]
    _until(lambda: box.delivered == 4)
    box.close()
    assert box.dropped == 997
    assert _accounted(box) == 1001
    assert said[1:] == ["Peer: 4 delivered, 997 dropped."]


def test_losses_are_told_again_only_after_a_minute_and_only_new_ones(
    peer: Peer, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    peer.may.clear()
    box = Outbox("Peer", peer, said.append, Rules(capacity=1))
    box.put(0)
    assert peer.called.wait(60)  # from here on nothing is taken
    for item in range(1, 4):
        box.put(item)
    _until(lambda: bool(said))
    monkeypatch.setattr(seldom, "_APART_S", 0.0)
    before = box.dropped
    box.put(4)
    assert said[-1] == f"Peer: {before + 1} dropped so far."
    _until(lambda: len(box._items) <= 1)
    box._items.clear()
    count = len(said)
    box.put(5)  # nothing new was lost
    assert len(said) == count
    peer.may.set()
    box.close()


@pytest.mark.usefixtures("at_once")
def test_one_that_fails_is_tried_again_before_the_next(peer: Peer, said: list[str]) -> None:
    peer.trouble = [Later("no route"), Later("no route"), Later("still no route")]
    box = Outbox("Peer", peer, said.append, Rules())
    box.put(1)
    box.put(2)
    _until(lambda: len(peer.taken) == 2)
    box.close()
    assert peer.taken == [1, 2]
    assert peer.tries == [1, 1, 1, 1, 2]
    assert said == ["Peer: no route; trying again.", "Peer is back."]


@pytest.mark.usefixtures("at_once")
def test_trouble_without_a_reason_is_not_told(peer: Peer, said: list[str]) -> None:
    peer.trouble = [Later(), Later()]
    box = Outbox("Peer", peer, said.append, Rules())
    box.put(1)
    _until(lambda: peer.taken == [1])
    box.close()
    assert said == []


@pytest.mark.usefixtures("at_once")
def test_a_refusal_is_told_once_and_does_not_stop_the_others(peer: Peer, said: list[str]) -> None:
    peer.trouble = [Refused("404"), Refused("404"), Refused("403")]
    box = Outbox("Peer", peer, said.append, Rules(closing_s=60.0))
    for item in range(5):
        box.put(item)
    box.close()
    assert peer.taken == [3, 4]
    assert (box.delivered, box.dropped, box.refused) == (2, 0, 3)
    assert said == ["Peer: 404.", "Peer: 403.", "Peer: 2 delivered, 0 dropped, 3 refused."]


def test_the_pause_grows_and_the_peers_wish_is_kept(
    peer: Peer, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def noted(failures: int) -> float:
        asked.append(failures)
        return 0.01

    monkeypatch.setattr(outbox, "pause", noted)
    peer.trouble = [Later("a"), Later("b"), Later("c", after_s=0.3), Later("d")]
    box = Outbox("Peer", peer, said.append, Rules())
    box.put(1)
    _until(lambda: peer.taken == [1])
    apart = [after - before for before, after in pairwise(peer.times)]
    assert asked == [0, 1, 2, 3]
    assert apart[2] >= 0.3
    peer.trouble = [Later("e")]
    box.put(2)
    _until(lambda: peer.taken == [1, 2])
    assert asked[-1] == 0  # a delivery ends a series
    box.close()


def test_the_backoff_doubles_has_an_end_and_is_spread() -> None:
    for failures, longest in ((0, 0.5), (1, 1.0), (3, 4.0), (6, 30.0), (10_000, 30.0)):
        pauses = [pause(failures) for _ in range(200)]
        assert longest / 2 <= min(pauses) < max(pauses) <= longest
        assert len(set(pauses)) > 100


def test_a_peer_that_refuses_for_long_is_not_asked_in_a_busy_loop(
    peer: Peer, said: list[str]
) -> None:
    peer.trouble = [Later("no")] * 10_000
    box = Outbox("Peer", peer, said.append, Rules())
    start = time.monotonic()
    for item in range(200):
        box.put(item)
        time.sleep(0.002)
    assert len(peer.tries) <= 2 + (time.monotonic() - start) / 0.25  # the shortest pause
    box.close()
    assert _accounted(box) == 200


def test_waking_ends_a_pause_also_when_it_comes_during_the_attempt(
    said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "pause", lambda failures: 60.0)
    tried = threading.Event()

    def deliver(item: int) -> None:
        if not tried.is_set():
            box.wake()  # it came just now, too late to be seen by the attempt
            tried.set()
            raise Later

    box = Outbox("Peer", deliver, said.append, Rules())
    box.put(1)
    _until(lambda: box.delivered == 1)
    tried.clear()
    box.put(2)
    _until(lambda: box.delivered == 2)
    box.close()


def test_old_items_go_but_never_the_newest(
    peer: Peer, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "pause", lambda failures: 60.0)
    peer.trouble = [Later()]
    box = Outbox("Peer", peer, said.append, Rules(keep_s=0.05))
    for item in range(5):
        box.put(item)
    _until(lambda: not peer.trouble)
    time.sleep(0.1)
    box.wake()
    _until(lambda: bool(peer.taken))
    box.close()
    assert peer.taken == [4]
    assert (box.delivered, box.dropped) == (1, 4)


def test_closing_delivers_what_is_left_without_waiting_for_a_pause(
    peer: Peer, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "pause", lambda failures: 60.0)
    peer.trouble = [Later("no")]
    box = Outbox("Peer", peer, said.append, Rules(closing_s=10.0))
    box.put(1)
    box.put(2)
    _until(lambda: not peer.trouble)
    box.close()
    assert peer.taken == [1, 2]


def test_closing_leaves_a_peer_that_hangs(peer: Peer, said: list[str]) -> None:
    peer.may.clear()
    box = Outbox("Peer", peer, said.append, Rules(closing_s=0.1))
    for item in range(3):
        box.put(item)
    assert peer.called.wait(60)
    start = time.monotonic()
    box.close()
    assert time.monotonic() - start < 30
    assert said == ["Peer: 0 delivered, 3 dropped."]
    peer.may.set()  # what is under way may still arrive; the count stays
    _until(lambda: peer.taken == [0])
    box.put(9)  # after the end: nothing
    _until(lambda: not any("outbox" in thread.name for thread in threading.enumerate()))
    assert peer.taken == [0]
    assert (box.delivered, box.dropped) == (0, 3)


def test_a_hurried_end_runs_while_other_things_end(
    peer: Peer, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_HURRIED_S", 0.3)
    peer.may.clear()
    box = Outbox("Peer", peer, said.append, Rules(closing_s=60.0))
    box.put(1)
    assert peer.called.wait(60)
    box.hurry()
    time.sleep(0.4)
    start = time.monotonic()
    box.close()
    assert time.monotonic() - start < 30
    assert said == ["Peer: 0 delivered, 1 dropped."]


def test_closing_does_not_wait_where_the_peer_asked_for_more_time(
    peer: Peer, said: list[str]
) -> None:
    peer.trouble = [Later("busy", 600.0)]
    box = Outbox("Peer", peer, said.append, Rules(closing_s=60.0))
    box.put(1)
    _until(lambda: not peer.trouble)
    start = time.monotonic()
    box.close()
    assert time.monotonic() - start < 30
    assert _accounted(box) == 1


def test_of_a_file_the_last_messages_reach_a_slow_peer(said: list[str]) -> None:
    taken: list[int] = []

    def slow(item: int) -> None:
        time.sleep(0.7)
        taken.append(item)

    box = Outbox("Peer", slow, said.append, Rules.for_source(is_live=False))
    for item in range(3):
        box.put(item)
    box.close()
    assert (taken, said) == ([0, 1, 2], [])


def test_of_a_file_nothing_is_lost_to_a_slow_peer(said: list[str]) -> None:
    taken: list[int] = []

    def slow(item: int) -> None:
        time.sleep(0.005)
        taken.append(item)

    box = Outbox("Peer", slow, said.append, Rules.for_source(is_live=False))
    for item in range(100):
        box.put(item)
    box.close()
    assert taken == list(range(100))
    assert said == []


def test_of_a_file_nothing_is_lost_that_comes_while_a_try_fails(
    peer: Peer, said: list[str], at_once: None
) -> None:
    peer.trouble = [Later()]
    peer.may.clear()
    box = Outbox("Peer", peer, said.append, Rules.for_source(is_live=False))
    box.put(0)
    _until(peer.called.is_set)
    box.put(1)  # takes the only place while 0 is under way
    peer.may.set()
    box.close()
    assert peer.taken == [0, 1]
    assert said == []


def test_of_a_camera_the_one_whose_try_failed_goes_where_newer_ones_took_all_places(
    peer: Peer, said: list[str], at_once: None
) -> None:
    peer.trouble = [Later()]
    peer.may.clear()
    box = Outbox("Peer", peer, said.append, Rules(capacity=2, closing_s=60.0))
    box.put(0)
    _until(peer.called.is_set)
    for item in (1, 2, 3):  # 1 goes, as there is no place for it
        box.put(item)
    peer.may.set()
    box.close()
    assert peer.taken == [2, 3]
    assert (box.delivered, box.dropped) == (2, 2)


def test_a_file_waits_only_once_for_a_peer_that_hangs(peer: Peer, said: list[str]) -> None:
    peer.may.clear()
    box = Outbox("Peer", peer, said.append, Rules(capacity=1, patience_s=0.3, closing_s=0.1))
    box.put(0)
    assert peer.called.wait(60)
    start = time.monotonic()
    for item in range(1, 30):
        box.put(item)
    assert 0.3 <= time.monotonic() - start < 5  # not 28 times that
    box.close()
    assert _accounted(box) == 30


def test_what_is_told_seldom_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    tell = Seldom(said.append)
    assert tell("first")
    assert not tell("second")
    monkeypatch.setattr(seldom, "_APART_S", 0.0)
    assert tell("third")
    assert said == ["first", "third"]


def test_every_item_is_accounted_for_under_load(said: list[str]) -> None:
    turn = iter(range(10**9))

    def moody(item: int) -> None:
        mood = next(turn) % 7
        if mood == 3:
            raise Later
        if mood == 5:
            raise Refused("no")

    box = Outbox("Peer", moody, said.append, Rules(capacity=5))
    threading.Thread(target=lambda: [box.wake() or time.sleep(0.001) for _ in range(500)]).start()
    for item in range(2000):
        box.put(item)
        if not item % 20:
            time.sleep(0.001)
    box.close()
    assert _accounted(box) == 2000
    assert min(box.delivered, box.dropped, box.refused) > 0
