"""Training settings by name, and what a recipe refuses."""

from __future__ import annotations

from typing import Any

import pytest

from edgeyolo.errors import UsageError
from edgeyolo.slim.spec import SlimSpec
from edgeyolo.train.recipe import Recipe
from edgeyolo.train.schedule import schedule
from edgeyolo.train.settings import parse_settings


def test_settings_are_read_as_yaml() -> None:
    read = parse_settings(["mosaic=0.5", " hsv_h = 0 ", "optimizer=SGD", "cos_lr=true"])
    assert read == {"mosaic": 0.5, "hsv_h": 0, "optimizer": "SGD", "cos_lr": True}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mosaik=1", "nearest is 'mosaic'"),
        ("mosaic", "names no value"),
        ("mosaic=", "names no value"),
        ("mosaic=much", "mosaic is a number"),
        ("mosaic=true", "mosaic is a number"),
        ("mosaic=[", "no value of mosaic"),
        ("epochs=3", "Use --epochs"),
        ("lr0=0.1", "Use --lr"),
        ("freeze=3", "Use --freeze"),
        ("project=x", "Leave it out"),
        ("cache=disk", "beside your images"),
        ("conf=0.5", "no training setting"),
        ("save_txt=true", "no training setting"),
    ],
)
def test_what_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_settings([text])
    assert said in f"{raised.value.message} {raised.value.hint}"


@pytest.mark.parametrize(
    "wrong",
    [
        {"patience": 0},
        {"lr": 0.0},
        {"lr": -1.0},
        {"lr": float("inf")},
        {"freeze": "head"},
        {"freeze": "0"},
        {"freeze": "-2"},
    ],
)
def test_recipes_that_are_none(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Recipe(3, 64, **wrong)


def test_how_many_layers_are_frozen() -> None:
    assert Recipe(3, 64).frozen_layers(SlimSpec()) == 0
    assert Recipe(3, 64, freeze="4").frozen_layers(SlimSpec()) == 4
    backbone = Recipe(3, 64, freeze="backbone")
    assert backbone.frozen_layers(SlimSpec()) == 10
    cut = SlimSpec(heads=("P3", "P4"), cut_backbone=True)
    assert backbone.frozen_layers(cut) == 7
    with pytest.raises(UsageError, match="cannot be frozen"):
        Recipe(3, 64, freeze="22").frozen_layers(cut)


def test_a_rate_that_is_named_counts_in_long_trainings_too() -> None:
    short = schedule(Recipe(3, 64, lr=0.002), 100, 3)
    assert (short["optimizer"], short["lr0"]) == ("AdamW", 0.002)
    long = schedule(Recipe(300, 64, lr=0.002), 100_000, 3)
    assert (long["optimizer"], long["lr0"]) == ("SGD", 0.002)
    assert "optimizer" not in schedule(Recipe(300, 64), 100_000, 3)
    assert schedule(Recipe(3, 64, patience=7), 100, 3)["patience"] == 7
    assert "patience" not in schedule(Recipe(3, 64), 100, 3)
