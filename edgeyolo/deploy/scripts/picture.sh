# The picture that the check looks at, from stdin.
set -eu
cat >"$release/picture.png"
