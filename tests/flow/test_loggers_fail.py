"""Loggers that raise, hang or are missing concern neither the training nor each other."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from edgeyolo.jobs.events import EVENTS, EventLog, all_events
from edgeyolo.jobs.names import PID
from edgeyolo.progress import Silent
from edgeyolo.train.loggers.feed import feed
from edgeyolo.train.loggers.memory import FOLDER, Memory
from edgeyolo.train.loggers.said import Said
from edgeyolo.train.loggers.supervise import supervise
from tests.flow import logged
from tests.flow.picsellia_server import TOKEN, platform, silent

# A training of seconds: an epoch each 0.4 s, and it notes when it has ended.
TRAINING = """
import sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.flow import logged
from edgeyolo.jobs.events import EventLog
folder = Path(sys.argv[1])
logged.start(folder)
for number in range(1, logged.EPOCHS + 1):
    time.sleep(0.4)
    logged.epoch(folder, number, float(number))
EventLog(folder).write("finished", epochs=logged.EPOCHS)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Of a training that logs to all, and of which nothing is left running."""
    path = logged.made(tmp_path / "runs" / "road" / "train" / "wide", "")
    yield path
    for each in psutil.process_iter(["cmdline"]):
        if str(path) in (each.info["cmdline"] or ()):
            each.kill()


def _train(folder: Path) -> subprocess.Popen[bytes]:
    code = TRAINING.format(root=str(Path(__file__).parents[2]))
    child = subprocess.Popen([sys.executable, "-c", code, str(folder)])
    (folder / PID).write_text(f"{child.pid} 0")
    return child


def _log_to(folder: Path, *names: str) -> None:
    from edgeyolo.train.recipe import Job, Recipe

    Job("/data/road/data.yaml", Recipe(logged.EPOCHS, 64, log=",".join(names))).save(folder)
    for name in names:
        Memory(notes={"graph": True}).save(folder, name)


def _boxes(folder: Path) -> list[tuple[int, float]]:
    board = EventAccumulator(str(folder / "tensorboard")).Reload()
    return [(point.step, point.value) for point in board.Scalars("train/box")]


def _said(folder: Path) -> list[str]:
    return [event["text"] for event in all_events(folder / FOLDER)]


ALL = [(1, 1.0), (2, 2.0), (3, 3.0)]


def test_one_hangs_one_raises_one_is_missing_and_one_is_fed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _log_to(folder, "picsellia", "wandb", "mlflow", "tensorboard")
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "sitecustomize.py").write_text("import sys\nsys.modules['mlflow'] = None\n")
    monkeypatch.setenv("PYTHONPATH", str(blocked))
    monkeypatch.setenv("PICSELLIA_TOKEN", TOKEN)
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_API_KEY", "")
    monkeypatch.setenv("HOME", str(tmp_path))  # where a key might be
    with silent() as url:
        monkeypatch.setenv("PICSELLIA_HOST", url)
        training = _train(folder)
        follower = threading.Thread(target=supervise, args=(folder, 15.0), daemon=True)
        follower.start()
        training.wait(240)
        ended = time.monotonic()
        assert [e["event"] for e in all_events(folder)][-1] == "finished"
        follower.join(240)
    assert not follower.is_alive()
    assert time.monotonic() - ended < 90
    assert _boxes(folder) == ALL
    said = _said(folder)
    assert sum("mlflow" in text for text in said) == 1
    assert any('pip install "edgeyolo[mlflow]"' in text for text in said)
    assert sum("wandb" in text for text in said) == 1
    assert any("wandb" in text and "API key" in text for text in said)
    (left,) = [text for text in said if "picsellia" in text]
    assert "was left behind 15 s after the end of the training" in left
    assert len(said) == 3
    assert (folder / FOLDER / "wandb.log").read_text().count("API key") >= 1
    alive = [
        p for p in psutil.process_iter(["cmdline"]) if str(folder) in (p.info["cmdline"] or ())
    ]
    assert not alive


def test_one_that_hangs_is_told_of_while_it_does(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _log_to(folder, "picsellia")
    logged.start(folder)
    logged.whole(folder)
    shown: list[str] = []

    class Lines(Silent):
        def line(self, text: str) -> None:
            shown.append(text)

    said = Said(folder, Lines())
    monkeypatch.setenv("PICSELLIA_TOKEN", TOKEN)
    with silent() as url:
        monkeypatch.setenv("PICSELLIA_HOST", url)
        code = (
            "import sys; from pathlib import Path; from edgeyolo.train.loggers.feed import feed; "
        )
        code += "feed(Path(sys.argv[1]), 'picsellia', 0.5)"
        subprocess.Popen([sys.executable, "-c", code, str(folder)])
        deadline = time.monotonic() + 120
        while not shown:
            assert time.monotonic() < deadline
            time.sleep(0.05)
            said.show()
    assert shown[0].startswith("Logger picsellia has not answered for 0.5 s")


def test_one_that_fails_for_a_while_misses_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network comes back before the training has ended, or at its end."""
    _log_to(folder, "picsellia")
    logged.start(folder)
    logged.whole(folder)
    monkeypatch.setenv("PICSELLIA_TOKEN", TOKEN)
    with platform() as held:
        held.refuse = 1
        monkeypatch.setenv("PICSELLIA_HOST", held.url)
        supervise(folder, 60.0)
    assert [log["data"] for log in held.logs if log["name"] == "train/box"] == [1.0, 2.0, 3.0]
    assert held.statuses[-1] == "SUCCESS"
    (said,) = _said(folder)
    assert "Picsellia is unavailable" in said or "Cannot connect" in said or "picsellia" in said


def test_whoever_raises_ends_only_its_own_process(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the disk refuses its files."""
    _log_to(folder, "tensorboard")
    (folder / "tensorboard").write_text("in the way")
    logged.start(folder)
    logged.whole(folder)
    supervise(folder, 30.0)
    (said,) = _said(folder)
    assert said.startswith("Logger tensorboard fails, the training goes on without it: ")
    (folder / "tensorboard").unlink()
    supervise(folder, 30.0)
    assert _boxes(folder) == ALL


def test_half_a_line_and_a_lost_file_are_no_end(folder: Path) -> None:
    _log_to(folder, "tensorboard")
    logged.start(folder)
    logged.epoch(folder, 1, 1.0)
    with (folder / EVENTS).open("a") as stream:
        stream.write('{"time": 1, "event": "epo')
    EventLog(folder).write("started", epochs=3, resumed_at=1)
    logged.whole(folder, begin=2)
    feed(folder, "tensorboard")
    assert _boxes(folder) == ALL
