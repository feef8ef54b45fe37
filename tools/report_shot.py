"""The first screen of a report as a picture, for the README: from a data set to a PNG.

    python tools/report_shot.py --data path/to/data.yaml --from yolov8n.pt assets/report.png

Searches nets for 15 frames a second on a Raspberry Pi 4, draws the
report without pictures of the data, and takes the picture in Chromium. With ``--run`` it draws a
search or a run that is there already.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

_ASKED = ("--profile", "raspberry-pi-4", "--fps", "15", "--max-size", "4MB", "--max-drop", "3")
_TRAINED = ("--imgsz", "320", "--epochs", "15", "--wide-epochs", "12")


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", default="demo")
    parser.add_argument("--from", dest="source")
    parser.add_argument("--run", type=Path, help="A search or a run that is there already.")
    parser.add_argument("--size", default="1180,1240", help="Of the window, in pixels.")
    asked = parser.parse_args()
    run = asked.run or _searched(asked.data, asked.source)
    with TemporaryDirectory() as folder:
        _edgeyolo("report", str(run), "--no-pictures", "--out", folder)
        _take(Path(folder) / "report.html", asked.out, asked.size)
    print(asked.out)


def _searched(data: str, source: str | None) -> Path:
    weights = ("--from", source) if source else ()
    _edgeyolo("slim", "--data", data, *weights, *_ASKED, *_TRAINED, "--name", "report-shot")
    return Path("runs") / "report-shot"


def _edgeyolo(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "edgeyolo", *words], check=True)


def _take(page: Path, out: Path, size: str) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("There is no Chromium, which takes the picture.")
    out.parent.mkdir(parents=True, exist_ok=True)
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run")
    profile = page.parent / "profile"
    subprocess.run(
        [
            *(chromium, *flags, f"--user-data-dir={profile}", f"--window-size={size}"),
            *(f"--screenshot={out.resolve()}", page.as_uri()),
        ],
        check=True,
        capture_output=True,
    )


if __name__ == "__main__":
    main()
