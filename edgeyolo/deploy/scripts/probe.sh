# What the board is. Reads only.
say() { printf 'edgeyolo:%s=%s\n' "$1" "$2"; }
about='
import sys, struct
def packages():
    try:
        from importlib.metadata import version
        from importlib.util import find_spec
        return find_spec("picamera2") is not None, version("numpy")
    except Exception:
        return False, "-"
camera = packages()[0]
print("%d.%d|%d|%s|%s" % (sys.version_info[:2] + (8 * struct.calcsize("P"), camera, packages()[1])))
'
base=$HOME/.local/share/edgeyolo
PATH=$PATH:$HOME/.local/bin:$base/bin
say base "$base"
say system "$(uname -s)"
say machine "$(uname -m)"
say bits "$(getconf LONG_BIT 2>/dev/null)"
say glibc "$(getconf GNU_LIBC_VERSION 2>/dev/null | cut -d' ' -f2)"
place=$base
while [ ! -e "$place" ]; do place=$(dirname "$place"); done
say free_kb "$(df -Pk "$place" 2>/dev/null | awk 'END { print $4 }')"
for name in python3 python3.13 python3.12 python3.11 python3.10; do
    program=$(command -v "$name") || continue
    info=$("$program" -c "$about" 2>/dev/null) && say python "$program|$info"
done
say uv "$(command -v uv)"
say current "$(basename "$(readlink "$base/current" 2>/dev/null)" 2>/dev/null)"
say previous "$(basename "$(readlink "$base/previous" 2>/dev/null)" 2>/dev/null)"
for release in "$base"/releases/*; do
    if [ -f "$release/complete" ]; then say release "$(basename "$release")"; fi
done
if [ -f "${EDGEYOLO_UNITS:-/etc/systemd/system}/edgeyolo.service" ]; then say service yes; fi
if [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; then say root yes; fi
