# The unit for this release, from the board's own point of view.
cd
"$release/venv/bin/edgeyolo" run "$release/bundle" --print-systemd-unit "$@"
