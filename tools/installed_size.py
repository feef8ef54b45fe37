"""What an environment weighs, by package: the answer to "how much of the card does it take?"

    python tools/installed_size.py dist/edgeyolo-0.1.0-py3-none-any.whl --extras headless,ncnn \
        [--platform aarch64-manylinux_2_28] [--python 3.11]

Installs the wheel and all that it asks for into a temporary folder, as uv finds it for the
platform, compiles it as pip does, and counts every byte of each package.
"""

from __future__ import annotations

import argparse
import compileall
import json
import subprocess
import sys
import tempfile
from importlib.metadata import Distribution, distributions
from pathlib import Path

_PROJECT = Path(__file__).parent.parent
_MB = 1e6


def install(wheel: Path, extras: str, platform: str, python: str, folder: Path) -> None:
    """All that the wheel asks for, with its extras, for another machine if need be."""
    asked = f"edgeyolo[{extras}] @ file://{wheel.resolve()}"
    into = ["--target", str(folder), "--python-platform", platform, "--python-version", python]
    command = ["uv", "pip", "install", "--quiet", "--only-binary", ":all:", *into]
    # In the project's folder, for its versions.
    subprocess.run([*command, "--no-compile-bytecode", asked], cwd=_PROJECT, check=True)
    compileall.compile_dir(folder, quiet=2, workers=1)


def sizes(folder: Path) -> dict[str, int]:
    """Bytes of each package, the largest first; bytecode counts with its source."""
    found = {_name(one): _bytes(one) for one in distributions(path=[str(folder)])}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _name(one: Distribution) -> str:
    return f"{one.metadata['Name']} {one.version}"


def _bytes(one: Distribution) -> int:
    total = 0
    for entry in one.files or ():
        path = Path(str(one.locate_file(entry)))
        compiled = (
            path.parent.glob(f"__pycache__/{path.stem}.*.pyc") if path.suffix == ".py" else ()
        )
        total += sum(file.stat().st_size for file in (path, *compiled) if file.is_file())
    return total


def largest(folder: Path, count: int) -> list[tuple[str, int]]:
    """The largest files, which show what could be left out."""
    files = [(path.stat().st_size, path) for path in folder.rglob("*") if path.is_file()]
    files.sort(reverse=True)
    return [(str(path.relative_to(folder)), size) for size, path in files[:count]]


def main() -> None:
    """Parse, install, show."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--extras", default="headless,ncnn")
    parser.add_argument("--platform", default="aarch64-manylinux_2_28")
    parser.add_argument("--python", default=f"{sys.version_info[0]}.{sys.version_info[1]}")
    parser.add_argument("--largest", type=int, default=12, help="files to show")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        install(options.wheel, options.extras, options.platform, options.python, folder)
        found, files = sizes(folder), largest(folder, options.largest)
    if options.json:
        print(json.dumps({"packages": found, "largest": files}))
        return
    for title, size in (*found.items(), ("together", sum(found.values()))):
        print(f"{title:<44}{size / _MB:>8.1f} MB")
    for title, size in files:
        print(f"  {title:<90}{size / _MB:>8.1f} MB")


if __name__ == "__main__":
    main()
