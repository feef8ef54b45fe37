# What the board is. Reads only.
about='
import sys, struct
try:
    from importlib.metadata import version
    from importlib.util import find_spec
    found = find_spec("picamera2") is not None, version("numpy")
except Exception:
    found = False, "-"
print("%d.%d|%d|%s|%s" % (sys.version_info[:2] + (8 * struct.calcsize("P"),) + found))
'
cd / # else Python would import what lies at home
say base "$base"
say system "$(uname -s)"
say machine "$(uname -m)"
say bits "$(getconf LONG_BIT 2>/dev/null)"
say glibc "$(getconf GNU_LIBC_VERSION 2>/dev/null | cut -d' ' -f2)"
place=$base
while [ ! -e "$place" ]; do place=$(dirname "$place"); done
say free_kb "$(df -Pk "$place" 2>/dev/null | awk 'END { print $4 }')"
PATH=$PATH:$HOME/.local/bin
for name in python3 python3.13 python3.12 python3.11 python3.10; do
    program=$(command -v "$name") || continue
    info=$("$program" -c "$about" 2>/dev/null) && say python "$program|$info"
done
# Those that uv brought for an earlier release.
for program in "$base"/python/*/bin/python3.1[0-3]; do
    info=$("$program" -c "$about" 2>/dev/null) && say managed "$program|$info"
done
if [ -x "$base/bin/uv" ]; then say uv "$base/bin/uv"; fi
say current "$(basename "$(readlink "$base/current" 2>/dev/null)" 2>/dev/null)"
say previous "$(basename "$(readlink "$base/previous" 2>/dev/null)" 2>/dev/null)"
for release in "$base"/releases/*; do
    if [ -f "$release/complete" ]; then say release "$(basename "$release")"; fi
    if [ -f "$release/edgeyolo.service" ]; then say unit "$(basename "$release")"; fi
done
if command -v systemctl >/dev/null; then say systemd yes; fi
unit=${EDGEYOLO_UNITS:-/etc/systemd/system}/edgeyolo.service
if [ -f "$unit" ]; then
    say service yes
    start=$({ cat "$unit" || sudo -n cat "$unit"; } 2>/dev/null | awk '/^ExecStart=/')
    case $start in *"$base/releases/"*)
        start=${start#*"$base/releases/"}
        say serves "${start%%/*}"
        ;;
    esac
fi
if [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; then say root yes; fi
