# Ends with the connection: when the other side has gone, nothing goes on here.
set -eu
exec 3<&0
{ cat <&3; kill -TERM 0; } >/dev/null 2>&1 &
watcher=$!
trap 'kill "$watcher" 2>/dev/null' EXIT
trap 'exit 143' HUP INT TERM # so that the line above holds then, too
exec 3<&- </dev/null
