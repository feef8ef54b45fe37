"""Commands that run a module of edgeyolo in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

_ROOT = str(Path(__file__).parent.parent)
# Python puts the working folder first on the path, where a user's own ncnn.py would be taken for
# the package. Not -P: Python 3.10 lacks it, and an edgeyolo run from its checkout would be lost.
_START = """
import runpy, sys
sys.path[:] = [*filter(None, sys.path), {root!r}]
runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
"""


def command(module: str, *arguments: str) -> list[str]:
    """The command for ``python -m module arguments``, deaf to files of the working folder."""
    return [sys.executable, "-c", _START.format(root=_ROOT, module=module), *arguments]
