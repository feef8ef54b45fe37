# Not in the release's folder: a configuration of the user's must not matter.
work=$(mktemp -d)
bench=
trap 'kill "$watcher" $bench 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
"$release/venv/bin/edgeyolo" bench "$release/bundle" --json "$@" >answer &
bench=$!
code=0
wait "$bench" || code=$?
if [ "$code" = 0 ]; then say bench "$(cat answer)"; fi
exit "$code"
