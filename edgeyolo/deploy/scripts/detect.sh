# Not in the release's folder: a configuration of the user's must not matter.
work=$(mktemp -d)
detector=
trap 'kill "$watcher" $detector 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
# timeout has a process group of its own, which alive.sh does not reach: so it is waited for, and
# ended when this one is.
timeout 300 "$release/venv/bin/edgeyolo" run "$release/bundle" --source "$release/picture.png" \
    --json "$@" &
detector=$!
code=0
wait "$detector" || code=$?
if [ "$code" = 124 ]; then echo "edgeyolo: One picture takes longer than 5 minutes." >&2; fi
exit "$code"
