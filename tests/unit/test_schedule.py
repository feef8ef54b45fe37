"""How long, how fast and in which steps."""

from __future__ import annotations

from edgeyolo.train.recipe import Recipe
from edgeyolo.train.schedule import schedule


def test_a_small_set_is_stepped_through_batch_by_batch() -> None:
    settings = schedule(Recipe(epochs=60, imgsz=320, batch=16), images=205, classes=3)
    assert settings["nbs"] == 16
    assert (settings["optimizer"], settings["lr0"]) == ("AdamW", 0.001429)
    assert (settings["warmup_epochs"], settings["close_mosaic"]) == (3.0, 6)


def test_the_optimizer_does_not_depend_on_the_batch() -> None:
    """Steps of 16 images must not push a middling set over the edge to another optimizer."""
    settings = schedule(Recipe(epochs=60, imgsz=320, batch=4), images=9000, classes=80)
    assert (settings["optimizer"], settings["lr0"]) == ("AdamW", 0.000119)


def test_a_large_set_is_trained_as_in_ultralytics() -> None:
    settings = schedule(Recipe(epochs=100, imgsz=640), images=118_000, classes=80)
    assert set(settings) == {"warmup_epochs", "close_mosaic"}
    assert (settings["warmup_epochs"], settings["close_mosaic"]) == (5.0, 10)
