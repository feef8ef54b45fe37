"""The package's face: names on demand, a quick --help, clear words for wrong ones."""

from __future__ import annotations

import subprocess
import sys

import pytest

import edgeyolo
from edgeyolo.errors import EdgeyoloError, ExitCode, MissingDependencyError, missing

MAIN = "from edgeyolo.cli.main import main; main()"
HEAVY = "{'numpy', 'cv2', 'torch', 'ultralytics', 'yaml', 'psutil', 'matplotlib'}"


def _python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        stdin=subprocess.DEVNULL,
    )


def test_public_names_are_those_that_can_be_loaded() -> None:
    assert edgeyolo.__all__ == sorted(edgeyolo._LAZY)
    assert set(edgeyolo.__all__) <= set(dir(edgeyolo))


@pytest.mark.parametrize("name", edgeyolo.__all__)
def test_importable(name: str) -> None:
    pytest.importorskip("cv2")
    found = getattr(edgeyolo, name)
    assert found.__name__ == name
    assert found.__module__ == edgeyolo._LAZY[name]
    assert found.__doc__


@pytest.mark.parametrize("name", ["Nothing", "detector", "_secret", "cost"])
def test_unknown_name(name: str) -> None:
    with pytest.raises(AttributeError, match=name):
        getattr(edgeyolo, name)


def test_unknown_name_in_a_from_import() -> None:
    done = _python("from edgeyolo import Nothing")
    assert done.returncode == 1
    assert "ImportError: cannot import name 'Nothing'" in done.stderr


def test_import_loads_nothing_third_party() -> None:
    code = (
        "import sys; before = set(sys.modules); import edgeyolo;"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before};"
        "sys.exit(', '.join(sorted(new - set(sys.stdlib_module_names) - {'edgeyolo'})) or 0)"
    )
    done = _python(code)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["--version"], ["run", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom edgeyolo.cli.main import main\ntry:\n    main()\n"
        f"except SystemExit as end:\n    found = {HEAVY} & set(sys.modules)\n"
        "    sys.exit(', '.join(found) or end.code)"
    )
    done = _python(code, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_help_names_every_command() -> None:
    said = _python(MAIN, "--help").stdout
    for command in ("slim", "run", "export", "val", "bench", "config"):
        assert f"  {command} " in said


@pytest.mark.parametrize(
    ("word", "near"), [("rum", "run"), ("exprot", "export"), ("benhc", "bench"), ("slimm", "slim")]
)
def test_unknown_command_names_the_nearest(word: str, near: str) -> None:
    done = _python(MAIN, word)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"Did you mean '{near}'?" in done.stderr


@pytest.mark.parametrize(
    "word", ["xyzzy", "__init__", "../main", "commands/run", "", "run.py", "/etc/passwd"]
)
def test_unknown_command(word: str) -> None:
    done = _python(MAIN, word)
    assert (done.returncode, done.stdout) == (2, "")
    assert "No such command" in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_given_in_a_pipe() -> None:
    done = _python(MAIN)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage:" in done.stderr
    assert "Commands:" in done.stderr


def test_unknown_flag() -> None:
    done = _python(MAIN, "run", "--sorce", "x")
    assert done.returncode == 2
    assert "--source" in done.stderr


def _all_errors(kind: type[EdgeyoloError]) -> list[type[EdgeyoloError]]:
    return [kind, *(found for child in kind.__subclasses__() for found in _all_errors(child))]


@pytest.mark.parametrize("kind", _all_errors(EdgeyoloError))
def test_every_error_has_an_exit_code(kind: type[EdgeyoloError]) -> None:
    assert kind.exit_code in ExitCode
    assert kind.exit_code != ExitCode.OK


@pytest.mark.parametrize(
    ("error", "extra"),
    [
        (ModuleNotFoundError("x", name="cv2"), "headless"),
        (ModuleNotFoundError("x", name="onnxruntime.capi"), "onnxruntime"),
        (ModuleNotFoundError("x", name="torch"), "workshop"),
        (ImportError("libGL.so.1: cannot open shared object file"), "headless"),
        (ModuleNotFoundError("x", name="edgeyolo.nothing"), None),
        (ImportError("cannot import name 'x'", name="cv2"), None),
        (ImportError(), None),
    ],
)
def test_missing_packages(error: ImportError, extra: str | None) -> None:
    found = missing(error)
    if extra is None:
        assert found is None
    else:
        assert isinstance(found, MissingDependencyError)
        assert found.hint == f'Install it with: python3 -m pip install "edgeyolo[{extra}]"'


def test_an_error_reads_as_message_and_hint() -> None:
    assert str(EdgeyoloError("What.", "Do.")) == "What.\nDo."
    assert str(EdgeyoloError("What.")) == "What."
