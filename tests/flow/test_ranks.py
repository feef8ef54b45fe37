"""A training that several processes share: two on the CPU, as no two GPUs are at hand."""

from __future__ import annotations

import errno
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgeyolo.errors import CheckpointError, EdgeyoloError, UsageError
from edgeyolo.jobs import process
from edgeyolo.jobs.events import all_events
from edgeyolo.train import ranks
from edgeyolo.train.device import choose_device
from edgeyolo.train.folder import BEST, LAST, START
from edgeyolo.train.outcomes import OutOfMemoryError, StopRequestedError
from edgeyolo.train.recipe import Job, Recipe
from edgeyolo.train.work import Task
from tests.command import python
from tests.conftest import ROOT

EPOCHS = 3
WIDE = ROOT / "assets" / "demo-yolov8n.pt"


def _prepared(small_demo: Path, folder: Path, **recipe: Any) -> Path:
    """A net that knows the objects learns from one that does."""
    shutil.copy(WIDE, folder / START)
    asked = {"batch": 8, "device": "cpu,cpu", "distill": 1.0, **recipe}
    Job(str(small_demo), Recipe(EPOCHS, 96, **asked), str(WIDE)).save(folder)
    return folder


def _told(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [event for event in all_events(folder) if event["event"] == kind]


@pytest.mark.slow
def test_two_share_a_training_that_is_stopped_and_taken_up_again(
    small_demo: Path, tmp_path: Path
) -> None:
    folder = _prepared(small_demo, tmp_path)
    for event in process.follow(folder, process.start(folder, "edgeyolo.train.job")):
        if event["event"] == "epoch":
            process.ask_to_stop(folder)
            break
    _until_it_ends(folder)
    assert all_events(folder)[-1]["event"] == "stopped"
    done = len(_told(folder, "epoch"))
    assert 1 <= done < EPOCHS
    for _ in process.follow(folder, process.start(folder, "edgeyolo.train.job")):
        pass
    assert [event["resumed_at"] for event in _told(folder, "started")] == [0, done]
    epochs = _told(folder, "epoch")
    assert [event["epoch"] for event in epochs] == [1, 2, 3]  # told by one of them
    assert all(event["loss"]["distill_loss"] > 0 for event in epochs)
    assert _told(folder, "finished")[0]["epochs"] == EPOCHS
    assert (folder / BEST).is_file() and (folder / LAST).is_file()


@pytest.mark.slow
def test_two_learn_what_one_learns(small_demo: Path, tmp_path: Path) -> None:
    """Each sees half of every batch; the steps, their rates and the losses are those of one."""
    seen = {}
    for name, device in (("one", "cpu"), ("two", "cpu,cpu")):
        (tmp_path / name).mkdir()
        folder = _prepared(small_demo, tmp_path / name, device=device)
        for _ in process.follow(folder, process.start(folder, "edgeyolo.train.job")):
            pass
        seen[name] = _told(folder, "started")[0], _told(folder, "epoch")
    (one, ones), (two, twos) = seen["one"], seen["two"]
    assert (one["batch"], one["images"]) == (two["batch"], two["images"])
    assert one["batches"] == two["batches"]
    for single, double in zip(ones, twos, strict=True):
        assert single["lr"] == pytest.approx(double["lr"], rel=1e-3)
        assert single["loss"]["box_loss"] == pytest.approx(double["loss"]["box_loss"], rel=0.25)


@pytest.mark.slow
def test_they_end_with_the_process_that_began_them(small_demo: Path, tmp_path: Path) -> None:
    folder = _prepared(small_demo, tmp_path)
    reader = process.start(folder, "edgeyolo.train.job")
    for event in process.follow(folder, reader):
        if event["event"] == "batch":
            break
    job = process.running(folder)
    assert job is not None
    children = [child for child in job.children(recursive=True) if "spawn_main" in _words(child)]
    assert len(children) == 2
    job.kill()
    deadline = time.monotonic() + 60
    while any(child.is_running() and child.status() != "zombie" for child in children):
        assert time.monotonic() < deadline, "they go on without it"
        time.sleep(0.1)


def _words(child: Any) -> str:
    return " ".join(child.cmdline())


def _until_it_ends(folder: Path) -> None:
    deadline = time.monotonic() + 120
    while process.running(folder):
        assert time.monotonic() < deadline, "it does not stop"
        time.sleep(0.1)


def _as(train: Callable[[int], None], rank: int, *rest: Any) -> None:
    """In the process of a rank: its edge as it is, with another training."""
    ranks._train = lambda rank, *_: train(rank)
    ranks._rank(rank, *rest)


def _waits() -> None:
    threading.Event().wait(60)  # as one that waits for its peer


def _stopped(*given: Any) -> None:
    def train(rank: int) -> None:
        if rank:
            _waits()
        raise StopRequestedError

    _as(train, *given)


def _full(*given: Any) -> None:
    def train(rank: int) -> None:
        if rank:
            raise OutOfMemoryError
        raise RuntimeError("Connection closed by peer")

    _as(train, *given)


def _refused(*given: Any) -> None:
    def train(rank: int) -> None:
        if rank:
            _waits()
        raise CheckpointError("start.pt is missing.", "Start anew.")

    _as(train, *given)


def _no_room(*given: Any) -> None:
    def train(rank: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "last.part")

    _as(train, *given)


def _broken(*given: Any) -> None:
    def train(rank: int) -> None:
        raise ValueError("a label is wrong\nand more")

    _as(train, *given)


@pytest.mark.parametrize(
    ("work", "error", "words", "code"),
    [
        (_stopped, StopRequestedError, "", 0),
        (_full, OutOfMemoryError, "", 0),
        (_refused, UsageError, "start.pt is missing.\nStart anew.", 2),
        (_no_room, EdgeyoloError, "no space left on device.\nFree some space, then go on", 1),
        (_broken, EdgeyoloError, "The work failed (ValueError: a label is wrong).", 1),
    ],
)
def test_how_one_of_them_ends_is_how_all_end(
    work: Any,
    error: type[Exception],
    words: str,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(ranks, "_rank", work)
    task = Task(tmp_path, Job("", Recipe(1, 64)), {}, ())
    with pytest.raises(error) as raised:
        ranks.train_on(["cpu", "cpu"], task)
    assert words in str(raised.value)
    if isinstance(raised.value, EdgeyoloError):
        assert raised.value.exit_code == code
        assert "Traceback" in capfd.readouterr().err  # the whole story


def test_devices_by_name() -> None:
    assert choose_device("cpu,cpu") == "cpu,cpu"
    for wrong in ("0,cpu", "0,99", "cuda:98,cuda:99", "0,"):
        with pytest.raises(UsageError, match="There is no device"):
            choose_device(wrong)
    with pytest.raises(UsageError, match="There is no device 'cuda:99'"):
        choose_device("cuda:99")


def test_two_gpus_by_number() -> None:
    """Where two are there, which are imitated by what torch says of them."""
    said = python(
        "import torch; from edgeyolo.train.device import choose_device as choose\n"
        "torch.cuda.is_available, torch.cuda.device_count = (lambda: True), (lambda: 2)\n"
        "print(choose('auto'), choose('cuda:1'), choose('0,1'), choose('cuda:1,cuda:0'))\n"
        "try: choose('1,1')\n"
        "except Exception as error: print(error.message)\n"
    )
    assert said.splitlines() == [
        "0 1 0,1 1,0",
        "--device 1,1 names a GPU twice.",
    ]
