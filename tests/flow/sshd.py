"""A board to deploy to: a real SSH server on loopback, with a home and programs of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

SSHD = Path("/usr/sbin/sshd")
# All that a board needs besides a Python.
_TOOLS = (  # noqa: SIM905
    "awk basename cat chmod cp cut date df dirname env flock getconf id install kill ln mkdir "
    "mktemp mv readlink rm sh sleep sync tar timeout touch tr uname"
).split()

_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {root}/host_key
PidFile none
AuthorizedKeysFile {root}/authorized_keys
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
ForceCommand {root}/shell
"""
_CLIENT = """
Host board
    HostName 127.0.0.1
    Port {port}
    IdentityFile {root}/key
    IdentitiesOnly yes
    UserKnownHostsFile {root}/known_hosts
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    PasswordAuthentication no
Host stranger
    HostName 127.0.0.1
    Port {port}
    IdentityFile {root}/key
    UserKnownHostsFile /dev/null
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
Host locked
    HostName 127.0.0.1
    Port {port}
    IdentityFile {root}/other_key
    IdentitiesOnly yes
    UserKnownHostsFile {root}/known_hosts
    HostKeyAlias board
    StrictHostKeyChecking yes
Host silent
    HostName 127.0.0.1
    Port 9
"""
_SHELL = """#!/bin/sh
echo "Welcome to the board"  # some login shells talk
cd {home}
. {root}/environment
exec env -i HOME={home} PATH={bin} EDGEYOLO_UNITS={units} $MORE sh -c "$SSH_ORIGINAL_COMMAND"
"""

_PREPARED = """
case "$*" in *"-m venv"*)
    mkdir -p venv/bin
    cat >venv/bin/python <<'END'
#!/bin/sh
case $1 in pip/*) ;; *) exec {real} "$@" ;; esac
for last; do :; done
exec {real} -m zipfile -e "${{last%%[[]*}}" venv/lib
END
    cat >venv/bin/edgeyolo <<'END'
#!/bin/sh
export PYTHONPATH="$(dirname "$0")/../lib:$PYTHONPATH"
start="import sys; sys.argv[0] = '$0'; from edgeyolo.cli.main import main; main()"
exec {real} -c "$start" "$@"
END
    chmod 755 venv/bin/python venv/bin/edgeyolo
    exit 0 ;;
esac
"""


class Board:
    """``ssh -F config board`` gets there; ``environment`` is what its processes see."""

    def __init__(self, root: Path) -> None:
        self.root, self.home, self.bin = root, root / "home", root / "bin"
        self.units = root / "units"
        for folder in (self.home, self.bin, self.units):
            folder.mkdir(parents=True)
        self.config = root / "client_config"
        self.set_tools()
        self.set_environment()
        self.set_python(prepared=False)
        self._start()

    @property
    def base(self) -> Path:
        """Where releases are."""
        return self.home / ".local/share/edgeyolo"

    @property
    def current(self) -> str:
        """Name of the release that is current."""
        return (self.base / "current").resolve().name

    def releases(self) -> set[str]:
        """All that lie there, whole or not."""
        return {path.name for path in (self.base / "releases").glob("*")}

    def set_tools(self) -> None:
        """The programs of a plain system, and no others."""
        for path in self.bin.iterdir():
            path.unlink()
        for tool in _TOOLS:
            (self.bin / tool).symlink_to(str(shutil.which(tool)))

    def variable(self, name: str) -> str:
        """What its processes see."""
        words = (self.root / "environment").read_text().strip().partition("=")[2].strip("'").split()
        return dict(word.split("=", 1) for word in words)[name]

    def set_environment(self, **values: str) -> None:
        """Variables of all processes, from the next connection on."""
        words = " ".join(f"{name}={value}" for name, value in values.items())
        (self.root / "environment").write_text(f"MORE='{words}'\n")

    def program(self, name: str, text: str) -> None:
        """A program of the board, in place of the one that it has."""
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def set_python(self, *, prepared: bool, before: str = "") -> None:
        """The interpreter of the board; ``before`` runs ahead of it.

        A ``prepared`` one makes environments at once, whose pip unpacks the wheel: no more is
        needed where the packages are on the path.
        """
        real = str(Path(sys.executable).resolve())
        makes = _PREPARED.format(real=real) if prepared else ""
        self.program("python3", f'{before}\n{makes}\nexec {real} "$@"')

    @property
    def unit(self) -> Path:
        """Of the service that its systemd knows."""
        return self.units / "edgeyolo.service"

    @property
    def previous(self) -> str:
        """Name of the release to go back to."""
        return (self.base / "previous").readlink().name

    def put_releases(self, older: str, newer: str) -> None:
        """What two earlier deploys left."""
        self.put_release(older)
        self.put_release(newer)
        (self.base / "previous").symlink_to(f"releases/{older}")

    def say_at_login(self, command: str) -> None:
        """In place of its welcome."""
        text = _SHELL.replace('echo "Welcome to the board"', command)
        values = {"home": self.home, "root": self.root, "bin": self.bin, "units": self.units}
        (self.root / "shell").write_text(text.format(**values))

    def put_release(self, name: str) -> None:
        """What an earlier deploy left."""
        folder = self.base / "releases" / name
        folder.mkdir(parents=True)
        (folder / "complete").touch()
        (self.base / "current").unlink(missing_ok=True)
        (self.base / "current").symlink_to(f"releases/{name}")

    def _start(self) -> None:
        for name in ("host_key", "key", "other_key"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.root / name)]
            subprocess.run(command, check=True)
        shutil.copy(self.root / "key.pub", self.root / "authorized_keys")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        values = {"port": self.port, "root": self.root, "bin": self.bin, "units": self.units}
        (self.root / "sshd_config").write_text(_CONFIG.format(**values))
        self.config.write_text(_CLIENT.format(**values))
        self.say_at_login('echo "Welcome to the board"')
        (self.root / "shell").chmod(0o755)
        key = (self.root / "host_key.pub").read_text()
        names = f"[127.0.0.1]:{self.port},board"
        (self.root / "known_hosts").write_text(f"{names} {key}")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # it wants this one of root's
        command = [str(SSHD), "-D", "-f", str(self.root / "sshd_config"), "-E"]
        self._server = subprocess.Popen([*command, str(self.root / "log")])
        self._wait()

    def _wait(self) -> None:
        for _ in range(1200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError((self.root / "log").read_text())

    def close(self) -> None:
        """Stop the server."""
        self._server.terminate()
        self._server.wait(60)


def require_sshd() -> None:
    """Skip where there is no server, unless programs are required."""
    there = SSHD.is_file() and shutil.which("ssh-keygen") and shutil.which("ssh")
    if not there and os.environ.get("EDGEYOLO_REQUIRE_PROGRAMS") != "1":
        pytest.skip("there is no OpenSSH server")
    assert there, "there is no OpenSSH server"
