"""Settings: who wins, where a value came from, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgeyolo.config import SETTINGS, all_values, lookup, variable
from edgeyolo.errors import ConfigError


@pytest.fixture
def work(clean_environment: Path) -> Path:
    return clean_environment


def _project(work: Path, text: str | bytes) -> Path:
    path = work / "edgeyolo.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def _user(work: Path, text: str) -> Path:
    path = work.parent / "user" / "config.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_defaults(work: Path) -> None:
    values = all_values()
    assert set(values) == set(SETTINGS)
    for key, value in values.items():
        assert (value.value, value.origin) == (SETTINGS[key].default, "built-in")


def test_precedence_and_origin(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = _user(work, "epochs = 1\nbatch = 1\nseed = 1\n")
    assert lookup("epochs").origin == str(user)
    _project(work, "epochs = 2\nbatch = 2\n")
    monkeypatch.setenv("EDGEYOLO_EPOCHS", "3")
    found = {key: (v.value, v.origin) for key, v in all_values().items()}
    assert found["epochs"] == (3, "EDGEYOLO_EPOCHS")
    assert found["batch"] == ("2", "edgeyolo.toml")  # as it could be auto, too
    assert found["seed"] == (1, str(user))
    assert found["width"] == (0.25, "built-in")


def test_xdg_folder(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGEYOLO_CONFIG_DIR")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(work.parent / "xdg"))
    (work.parent / "xdg" / "edgeyolo").mkdir(parents=True)
    (work.parent / "xdg" / "edgeyolo" / "config.toml").write_text("seed = 9\n")
    assert lookup("seed").value == 9


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("width", "1", 1.0),
        ("width", "0.125", 0.125),
        ("heads", '"P3,P4"', "P3,P4"),
        ("heads", '["P3", "P4"]', "P3,P4"),
        ("engine", '["ncnn", "openvino"]', "ncnn,openvino"),
        ("cut_backbone", "true", True),
        ("epochs", "5", 5),
        ("from", '"yolov8n.pt"', "yolov8n.pt"),
        ("data", '"größe/data.yaml"', "größe/data.yaml"),
    ],
)
def test_values_of_a_file(work: Path, key: str, text: str, expected: Any) -> None:
    _project(work, f"{key} = {text}\n")
    value = lookup(key).value
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize("start", ["\ufeff", "# note\r\n", "\r\n"])
def test_files_of_other_editors(work: Path, start: str) -> None:
    _project(work, f"{start}seed = 3\r\n".encode())
    assert lookup("seed").value == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("widht = 0.125", ["'widht'", "'width'"]),
        ("reg-max = 8", ["'reg-max'", "'reg_max'"]),
        ("Width = 0.125", ["'Width'", "'width'"]),
        ("confidance = 0.5", ["'confidence'"]),
        ('"" = 1', ["''"]),
        ("[train]\nepochs = 3", ["'train'"]),
        ("[tool.edgeyolo]\nwidth = 0.5", ["'tool'"]),
        ('width = "0.125"', ["width", "0.125", "not a number"]),
        ("width = true", ["width", "True", "not a number"]),
        ("width = [0.1]", ["width", "not a number"]),
        ("epochs = 1.0", ["epochs", "whole number"]),
        ("epochs = true", ["epochs", "whole number"]),
        ('epochs = "5"', ["epochs", "whole number"]),
        ("epochs = [5]", ["epochs", "whole number"]),
        ("cut_backbone = 1", ["cut_backbone", "true or false"]),
        ('cut_backbone = "yes"', ["cut_backbone", "true or false"]),
        ("data = 5", ["data", "not a text"]),
        ("heads = 3", ["heads", "not a text"]),
        ("[heads]\nP3 = true", ["heads", "not a text"]),
        ("device = 2024-01-01", ["device", "not a text"]),
    ],
)
@pytest.mark.parametrize("where", ["project", "user"])
def test_refused(work: Path, text: str, words: list[str], where: str) -> None:
    path = _project(work, text) if where == "project" else _user(work, text)
    with pytest.raises(ConfigError) as caught:
        lookup("seed")
    assert path.name in caught.value.message
    assert caught.value.hint
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "content", ["width 0.5", "width = ", "[a", "a = 1\na = 2", b"\xff\xfe", "x = 'a\n", "= 1"]
)
def test_invalid_toml(work: Path, content: str | bytes) -> None:
    _project(work, content)
    with pytest.raises(ConfigError, match=r"edgeyolo\.toml is not valid TOML") as caught:
        lookup("width")
    assert caught.value.hint
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("width", "0.5", 0.5),
        ("width", " 1 ", 1.0),
        ("epochs", "7", 7),
        ("threads", "-1", -1),
        ("heads", "P3P4", "P3P4"),
        ("from", "best.pt", "best.pt"),
        *(("cut_backbone", text, True) for text in ("1", "true", "TRUE", "Yes", "on")),
        *(("cut_backbone", text, False) for text in ("0", "false", "No", "OFF")),
    ],
)
def test_environment(
    work: Path, monkeypatch: pytest.MonkeyPatch, key: str, text: str, expected: Any
) -> None:
    monkeypatch.setenv(variable(key), text)
    value = lookup(key)
    assert (value.value, value.origin) == (expected, f"EDGEYOLO_{key.upper()}")
    assert type(value.value) is type(expected)


@pytest.mark.parametrize(
    ("key", "text", "kind"),
    [
        ("width", "wide", "a number"),
        ("width", "0,5", "a number"),
        ("epochs", "1.5", "a whole number"),
        ("epochs", "many", "a whole number"),
        ("cut_backbone", "maybe", "true or false"),
        ("cut_backbone", "2", "true or false"),
    ],
)
def test_environment_refused(
    work: Path, monkeypatch: pytest.MonkeyPatch, key: str, text: str, kind: str
) -> None:
    monkeypatch.setenv(variable(key), text)
    with pytest.raises(ConfigError, match=f"{variable(key)} is '{text}', which is not {kind}"):
        lookup("seed")


@pytest.mark.parametrize("key", ["data", "width", "epochs", "cut_backbone"])
def test_an_empty_variable_counts_as_not_set(
    work: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv(variable(key), "")
    assert lookup(key).origin == "built-in"


def test_a_folder_named_like_the_file_is_no_file(work: Path) -> None:
    (work / "edgeyolo.toml").mkdir()
    assert lookup("seed").origin == "built-in"
