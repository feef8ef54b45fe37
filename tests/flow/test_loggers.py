"""Loggers with their real packages, read back with the readers of these."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_accumulator import (
    EventAccumulator as PageAccumulator,
)
from tensorboard.util import tensor_util

from edgeyolo.errors import UsageError
from edgeyolo.jobs.events import EventLog, all_events
from edgeyolo.slim.checkpoint import save_checkpoint
from edgeyolo.train.loggers import feed as feeding
from edgeyolo.train.loggers.feed import feed
from edgeyolo.train.loggers.memory import Memory
from tests.flow import logged
from tests.flow.logged import fed
from tests.flow.picsellia_server import PROJECT, TOKEN, Platform, platform


@pytest.fixture(autouse=True)
def _in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody trains here, so there is nothing to wait for."""
    monkeypatch.setattr(feeding, "_POLL", 0.02)


def _board(folder: Path) -> EventAccumulator:
    board = EventAccumulator(str(folder / "tensorboard"), size_guidance={"images": 0, "tensors": 0})
    return board.Reload()


def _steps(folder: Path, tag: str) -> list[int]:
    """As the TensorBoard page itself reads them."""
    board = PageAccumulator(str(folder / "tensorboard"), tensor_size_guidance={"": 0}).Reload()
    return [point.step for point in board.Tensors(tag)]


def _values(board: EventAccumulator, tag: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in board.Scalars(tag)]


def test_tensorboard(tmp_path: Path) -> None:
    folder = logged.made(tmp_path / "runs" / "road" / "train" / "wide", "tensorboard")
    logged.start(folder)
    logged.whole(folder)
    feed(folder, "tensorboard")
    board = _board(folder)
    assert _values(board, "train/box") == [(1, 1.0), (2, 2.0), (3, 3.0)]
    assert _values(board, "val/mAP50-95") == [(1, 0.25), (2, 0.5), (3, 0.75)]
    assert {"train/lr", "time/epoch_s", "val/mAP50", "val/best"} <= set(board.Tags()["scalars"])
    images = board.Images("train_batch")
    assert [image.step for image in images] == [1, 2, 3]
    assert (
        images[1].encoded_image_string
        == (folder / "pictures" / "train_batch-0002.jpg").read_bytes()
    )
    (point, *_) = board.Tensors("val/pr/stop")
    table = tensor_util.make_ndarray(point.tensor_proto)
    assert table.tolist() == [
        [20, 15, 10],  # true positives: recall times labels
        [60, 15, 0],  # false positives
        [0, 0, 0],
        [0, 5, 10],  # false negatives
        [0.25, 0.5, 1.0],
        [1.0, 0.75, 0.5],
    ]
    assert board.SummaryMetadata("val/pr/all").plugin_data.plugin_name == "pr_curves"
    (tag,) = board.PluginTagToContent("hparams")
    assert b"road/wide" in board.PluginTagToContent("hparams")[tag]


def test_what_is_trained_again_takes_the_place_of_what_was(tmp_path: Path) -> None:
    """A kill after an epoch was told, and then the training goes on before it."""
    folder = logged.made(tmp_path / "t", "tensorboard")
    logged.start(folder)
    for number in (1, 2):
        logged.epoch(folder, number, float(number))
    EventLog(folder).write("picture", epoch=3, name="train_batch", file="pictures/lost.jpg")
    feed(folder, "tensorboard")
    logged.start(folder, resumed_at=1)
    for number in (2, 3):
        logged.epoch(folder, number, 10.0 * number)
    feed(folder, "tensorboard")
    feed(folder, "tensorboard")  # there is nothing left to tell
    board = _board(folder)
    assert _values(board, "train/box") == [(1, 1.0), (2, 20.0), (3, 30.0)]
    assert _steps(folder, "train_batch") == _steps(folder, "val/pr/all") == [1, 2, 3]
    assert _steps(folder, "train/box") == [1, 2, 3]
    assert len(list((folder / "tensorboard").iterdir())) == 2


def test_a_follower_that_was_killed_goes_on_where_it_had_been(tmp_path: Path) -> None:
    folder = logged.made(tmp_path / "t", "tensorboard")
    logged.start(folder)
    logged.epoch(folder, 1, 1.0)
    feed(folder, "tensorboard")
    memory = Memory.load(folder, "tensorboard")
    assert memory.epoch == 1
    logged.epoch(folder, 2, 2.0)
    feed(folder, "tensorboard")
    memory.save(folder, "tensorboard")  # as if it had been killed before it could write it down
    logged.whole(folder, begin=3)
    feed(folder, "tensorboard")
    board = _board(folder)
    assert _values(board, "train/box") == [(1, 1.0), (2, 2.0), (3, 3.0)]
    assert _steps(folder, "train_batch") == _steps(folder, "val/pr/all") == [1, 2, 3]


def test_the_graph_of_the_net(tmp_path: Path) -> None:
    from tensorboard.compat.proto.graph_pb2 import GraphDef

    from edgeyolo.slim.net import build
    from edgeyolo.slim.spec import SlimSpec
    from edgeyolo.train.loggers.graph import graph_of

    save_checkpoint(build(SlimSpec(width=0.125), ("a", "b")), tmp_path / "start.pt")
    names = [node.name for node in GraphDef.FromString(graph_of(tmp_path / "start.pt", 64)).node]
    assert sum("Detect" in name for name in names) > 20
    assert any("C2f[" in name and "Conv" in name for name in names)


def test_mlflow_in_a_store_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = logged.made(tmp_path / "runs" / "road" / "train" / "wide", "mlflow", keep=True)
    store = (tmp_path / "mlruns").as_uri()
    logged.start(folder)
    logged.epoch(folder, 1, 1.0)
    logged.epoch(folder, 2, 2.0)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    feed(folder, "mlflow")
    from mlflow.tracking import MlflowClient

    client = MlflowClient(store)
    experiment = client.get_experiment_by_name("edgeyolo")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "KILLED"  # its process is gone and has said nothing
    logged.start(folder, resumed_at=1)
    logged.epoch(folder, 2, 20.0)  # again: the store keeps what it has
    logged.whole(folder, begin=3)
    feed(folder, "mlflow")

    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status) == ("road/wide", "FINISHED")
    assert run.data.params["imgsz"] == "64"
    assert run.data.params["data"] == "road"
    history = client.get_metric_history(run.info.run_id, "val/mAP50-95")
    assert [(point.step, point.value) for point in history] == [(1, 0.25), (2, 0.5), (3, 0.75)]
    listed = {path.path for path in client.list_artifacts(run.info.run_id, "pictures")}
    assert listed == {f"pictures/train_batch-{number:04}.jpg" for number in (1, 2, 3)}
    points = json.loads(
        Path(client.download_artifacts(run.info.run_id, "pr/epoch-3.json")).read_text()
    )
    assert points["recall"] == [1.0, 0.75, 0.5]
    best = client.download_artifacts(run.info.run_id, "weights/best.pt", str(tmp_path))
    assert Path(best).read_bytes() == b"the best net"


def _records(path: Path) -> list[Any]:
    """Of a file that W&B writes offline: records in blocks, as LevelDB's log has them."""
    from wandb.proto.wandb_internal_pb2 import Record

    content, place, block, parts, records = path.read_bytes(), 7, 32768, b"", []
    while place + 7 <= len(content):
        left = block - place % block
        if left < 7:
            place += left
            continue
        _, length, kind = struct.unpack("<IHB", content[place : place + 7])
        parts += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            records.append(Record.FromString(parts))
            parts = b""
    return records


def test_wandb_offline(tmp_path: Path) -> None:
    folder = logged.made(tmp_path / "runs" / "road" / "train" / "wide", "wandb", keep=True)
    logged.start(folder)
    logged.epoch(folder, 1, 1.0)
    mode = {
        "WANDB_MODE": "offline",
        "WANDB_CACHE_DIR": str(tmp_path),
        "WANDB_DATA_DIR": str(tmp_path),
    }
    first = fed(folder, "wandb", **mode)
    assert first.returncode == 0, first.stderr
    logged.start(folder, resumed_at=0)
    logged.epoch(folder, 1, 10.0)  # again: steps of a run only grow
    logged.whole(folder, begin=2)
    assert fed(folder, "wandb", **mode).returncode == 0

    parts = sorted((folder / "wandb").glob("offline-run-*/*.wandb"))
    assert len(parts) == 2
    (runs,) = {part.name for part in parts}  # one run, which goes on
    records = [record for part in parts for record in _records(part)]
    run = next(record.run for record in records if record.HasField("run"))
    assert (run.project, run.display_name, f"run-{run.run_id}.wandb") == (
        "edgeyolo",
        "road/wide",
        runs,
    )
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert (config["imgsz"], config["data"]) == (64, "road")
    steps: dict[int, dict[str, Any]] = {}
    for record in records:
        if record.HasField("history"):
            items = {(i.key or "/".join(i.nested_key)): i.value_json for i in record.history.item}
            steps.setdefault(record.history.step.num, {}).update(items)
    told = {step: float(items["val/mAP50-95"]) for step, items in steps.items() if step}
    assert told == {1: 0.25, 2: 0.5, 3: 0.75}
    assert all("train_batch/path" in items for step, items in steps.items() if step)
    assert list((folder / "wandb").rglob("train_batch_3_*.jpg"))
    assert not list((folder / "wandb").rglob("requirements.txt"))
    artifacts = [r.artifact for r in records if r.HasField("artifact")]
    assert [artifact.type for artifact in artifacts if artifact.type == "model"] == ["model"]


def test_wandb_without_a_key_says_so_and_asks_nobody(tmp_path: Path) -> None:
    folder = logged.made(tmp_path / "t", "wandb")
    logged.start(folder)
    logged.whole(folder)
    done = fed(folder, "wandb", WANDB_MODE="online", WANDB_API_KEY="", HOME=str(tmp_path))
    assert done.returncode == 1
    assert "API key" in done.stderr.splitlines()[-1]
    assert math.isfinite(Memory.load(folder, "wandb").offset)
    assert all_events(folder)[-1]["event"] == "finished"


def _lines(platform: Platform, name: str) -> list[Any]:
    return [log["data"] for log in platform.logs if log["name"] == name]


def test_picsellia_through_its_own_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = logged.made(tmp_path / "runs" / "road" / "train" / "wide", "picsellia", keep=True)
    logged.start(folder)
    logged.epoch(folder, 1, 1.0)
    with platform() as held:
        monkeypatch.setenv("PICSELLIA_TOKEN", TOKEN)
        monkeypatch.setenv("PICSELLIA_HOST", held.url)
        feed(folder, "picsellia")
        assert (held.project, held.experiment["name"]) == ("edgeyolo", "road/wide")
        assert held.statuses == ["RUNNING", "TERMINATED"]
        logged.start(folder, resumed_at=0)
        logged.epoch(folder, 1, 10.0)  # again: lines only grow
        logged.whole(folder, begin=2)
        feed(folder, "picsellia")
    assert held.requests.count(("POST", f"/api/project/{PROJECT}/experiments")) == 1
    assert held.statuses[2:] == ["RUNNING", "SUCCESS"]
    assert _lines(held, "val/mAP50-95") == [0.25, 0.5, 0.75]
    assert {log["type"] for log in held.logs if log["name"] == "train/box"} == {"LINE"}
    (settings,) = _lines(held, "parameters")
    assert (settings["imgsz"], settings["data"]) == (64, "road")
    assert [log["type"] for log in held.logs if log["name"] == "train_batch"] == ["IMAGE"] * 3
    picture = (folder / "pictures" / "train_batch-0003.jpg").read_bytes()
    assert any(picture in upload for upload in held.uploads)
    assert _lines(held, "val/pr")[-1] == {"recall": [1.0, 0.75, 0.5], "precision": [0.25, 0.5, 1.0]}
    (best,) = held.artifacts
    assert (best["name"], best["filename"]) == ("best", "best.pt")
    assert any(b"the best net" in upload for upload in held.uploads)


def test_picsellia_without_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = logged.made(tmp_path / "t", "picsellia")
    logged.start(folder)
    monkeypatch.delenv("PICSELLIA_TOKEN", raising=False)
    with pytest.raises(UsageError, match="PICSELLIA_TOKEN"):
        feed(folder, "picsellia")
