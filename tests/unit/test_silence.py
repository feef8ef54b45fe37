"""What decoders print goes nowhere; what we print arrives."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest

pytest.importorskip("cv2")

from tests.command import edgeyolo, python
from tests.unit import broken

_PROGRAM = """
import os, subprocess, sys
code = '''
import os, sys
from edgeyolo.dataset.silence import silent_decoders
print("before", file=sys.stderr)
try:
    with silent_decoders():
        os.write(2, b"of a decoder")
        print("within", file=sys.stderr)
        sys.stderr.write("unfinished")
        raise KeyboardInterrupt
except KeyboardInterrupt:
    print(", caught", file=sys.stderr)
os.write(2, b"after")
'''
done = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
print(done.returncode, repr(done.stderr))
"""


def test_only_what_is_not_ours_is_lost() -> None:
    assert python(_PROGRAM) == "0 'before\\nwithin\\nunfinished, caught\\nafter'\n"


def test_without_any_stderr() -> None:
    code = "import os; os.close(2)\nfrom edgeyolo.dataset.silence import silent_decoders\n"
    assert python(f"{code}with silent_decoders(): print('done')") == "done\n"


def _with_odd_profile(png: bytes) -> bytes:
    """Of which libpng says a line, as of many that programs write."""
    chunk = b"iCCPodd\0\0" + zlib.compress(b"no profile at all")
    size, checksum = struct.pack(">I", len(chunk) - 4), struct.pack(">I", zlib.crc32(chunk))
    return png[:33] + size + chunk + checksum + png[33:]


@pytest.mark.parametrize("command", ["check", "fix", "split", "stats"])
def test_commands_say_only_their_own(tmp_path: Path, command: str) -> None:
    root = tmp_path / "set"
    broken.make(root)
    image = root / "images/train/d.png"
    image.write_bytes(_with_odd_profile(image.read_bytes()))
    out = ["--out", tmp_path / "new"] if command in ("fix", "split") else []
    done = edgeyolo("data", command, root, *out)
    assert done.returncode == 0
    assert "png" not in done.stderr.replace("d.png", "")
    assert "elapsed" in done.stderr
