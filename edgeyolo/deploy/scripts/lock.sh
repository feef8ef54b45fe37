# Held as long as the connection lasts, or until the process that is named is ended.
set -eu
if [ "$(uname -s)" != Linux ] || ! command -v flock >/dev/null; then
    say lock none
    exit 0
fi
mkdir -p "$base/releases"
exec 9>>"$base/lock" 8>>"$base/activating"
# Once more after a second: the one before may just be about to end.
flock -n 9 || { sleep 1 && flock -n 9; } || {
    say lock "busy $(cat "$base/lock")"
    exit 0
}
flock -n 8 || {
    say lock busy
    exit 0
}
exec 8>&-
echo $$ >"$base/lock"
say lock locked
# That the other side has gone is noticed only by sending something to it.
while sleep 15 >/dev/null; do echo; done 9>&- 2>/dev/null &
heart=$!
trap 'kill "$heart"' EXIT
cat >/dev/null 9>&-
