# Not in the release's folder: a configuration of the user's must not matter.
work=$(mktemp -d)
trap 'kill "$watcher" 2>/dev/null; rm -rf "$work"' EXIT
cd "$work"
"$release/venv/bin/edgeyolo" run "$release/bundle" --source "$release/picture.png" --json "$@"
