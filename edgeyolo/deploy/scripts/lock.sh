# Held as long as the connection lasts.
set -eu
mkdir -p "$base/releases"
if command -v flock >/dev/null; then
    exec 9>"$base/lock"
    flock -n 9 || { echo edgeyolo:busy; exit 0; }
fi
echo edgeyolo:locked
exec cat >/dev/null
