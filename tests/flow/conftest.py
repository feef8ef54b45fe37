"""Trainings of these tests feed no logger: that takes time, and has tests of its own."""

from __future__ import annotations

import os

import pytest

os.environ.setdefault("EDGEYOLO_LOG", "none")  # for fixtures that are made before a test's own


@pytest.fixture(autouse=True)
def _no_loggers(_isolated: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEYOLO_LOG", "none")
