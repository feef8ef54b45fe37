"""Which loggers are chosen, and what they are told, without any of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edgeyolo.cli.recipe import recipe_of
from edgeyolo.config import SETTINGS
from edgeyolo.errors import MissingDependencyError, UsageError
from edgeyolo.train.loggers.feed import scalars_of
from edgeyolo.train.loggers.logger import Training, run_name
from edgeyolo.train.loggers.memory import Memory
from edgeyolo.train.loggers.names import LOGGERS, choose_loggers, is_installed
from edgeyolo.train.loggers.start import start_loggers
from edgeyolo.train.recipe import Job, Recipe
from tests.command import edgeyolo_here


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("tensorboard", "tensorboard"),
        ("mlflow, TensorBoard", "mlflow,tensorboard"),
        ("wandb picsellia wandb", "wandb,picsellia"),
        ("none", ""),
        (" None ", ""),
    ],
)
def test_chosen(text: str, chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeyolo.train.loggers.names.is_installed", lambda name: True)
    assert choose_loggers(text) == chosen


@pytest.mark.parametrize(
    ("text", "words"),
    [("tensorbord", "tensorboard"), ("", "none"), (",", "none"), ("none,wandb", "stands alone")],
)
def test_refused(text: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeyolo.train.loggers.names.is_installed", lambda name: True)
    with pytest.raises(UsageError) as caught:
        choose_loggers(text)
    assert words in str(caught.value)


@pytest.mark.parametrize("name", LOGGERS)
def test_one_that_is_not_installed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    assert not is_installed(name)
    with pytest.raises(MissingDependencyError) as caught:
        choose_loggers(name)
    assert caught.value.hint.endswith(f'"edgeyolo[{name}]"')
    assert LOGGERS[name] in caught.value.message


def test_without_a_word_tensorboard_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_loggers(None) == "tensorboard"
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    assert choose_loggers(None) == ""


def test_a_folder_of_that_name_is_not_the_package(
    in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (in_tmp / "nowhere_else").mkdir()  # as W&B leaves a folder wandb behind
    monkeypatch.syspath_prepend(str(in_tmp))
    assert not is_installed("nowhere_else")


def test_the_command_refuses_before_anything_starts(
    in_tmp: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert edgeyolo_here("train", "--data", "demo", "--log", "tensorbord") == 2
    assert "The nearest is 'tensorboard'" in capsys.readouterr().err
    (in_tmp / "edgeyolo.toml").write_text('log = ["tensorboard", "mlflow"]\n')
    monkeypatch.setitem(sys.modules, "mlflow", None)
    assert edgeyolo_here("slim", "--data", "demo") == 3
    assert 'pip install "edgeyolo[mlflow]"' in capsys.readouterr().err
    assert not (in_tmp / "runs").exists()


def test_flags_reach_the_recipe_and_old_ones_have_none(tmp_path: Path) -> None:
    values = {key: entry.default for key, entry in SETTINGS.items()}
    values |= {"settings": (), "log": "tensorboard", "log_checkpoint": True}
    recipe = recipe_of(values, is_demo=True)
    assert (recipe.loggers, recipe.log_checkpoint) == (("tensorboard",), True)
    Job("data.yaml", recipe).save(tmp_path)
    assert Job.load(tmp_path).recipe == recipe
    assert Recipe(2, 64).loggers == ()


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("/home/me/runs/road/train/wide", "road/wide"),
        ("/home/runs/old/runs/night/w0.125/train/slim", "night/w0.125/slim"),
        ("/data/elsewhere/train/wide", "elsewhere/wide"),
        ("/data/work/elsewhere/train/wide", "elsewhere/wide"),
    ],
)
def test_the_run_is_known_by_its_folder(folder: str, name: str) -> None:
    assert run_name(Path(folder)) == name


def test_settings_are_plain_and_say_nothing_of_where_the_data_are(tmp_path: Path) -> None:
    recipe = Recipe(3, 64, batch=8, settings={"mosaic": 0.5, "classes": [1, 2]}, log="wandb")
    Job("/home/me/secret/road/data.yaml", recipe).save(tmp_path)
    settings = Training.of(tmp_path).settings
    assert settings["data"] == "road"
    assert settings["set.mosaic"] == 0.5
    assert settings["set.classes"] == "[1, 2]"
    assert not {"log", "settings", "patience"} & set(settings)
    assert "secret" not in str(settings)


def test_figures_of_an_epoch() -> None:
    event = {
        "time": 1.0,
        "event": "epoch",
        "epoch": 2,
        "epochs": 3,
        "seconds": 4,
        "lr": 0.01,
        "loss": {"box_loss": 1.5, "cls_loss": None},
        "map50": 0.5,
        "best": None,
        "top1": 0.25,
    }
    assert scalars_of(event) == {
        "train/box_loss": 1.5,
        "time/epoch_s": 4.0,
        "train/lr": 0.01,
        "val/mAP50": 0.5,
        "val/top1": 0.25,
    }


def test_a_memory_that_a_kill_cut_short_is_none(tmp_path: Path) -> None:
    Memory(offset=5, notes={"run_id": "a"}).save(tmp_path, "wandb")
    assert Memory.load(tmp_path, "wandb").notes == {"run_id": "a"}
    (tmp_path / "loggers" / "wandb.json").write_text('{"offset": 5')
    assert Memory.load(tmp_path, "wandb") == Memory()


def test_nothing_is_started_for_none(tmp_path: Path) -> None:
    Job("data.yaml", Recipe(2, 64)).save(tmp_path)
    start_loggers(tmp_path)
    assert not (tmp_path / "loggers").exists()
    start_loggers(tmp_path / "nowhere")  # the training itself says what is wrong there
