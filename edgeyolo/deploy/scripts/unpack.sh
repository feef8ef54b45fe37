# A tar on stdin becomes the folder of a release, not complete yet.
set -eu
rm -rf "$release"
mkdir -p "$release"
tar -xf - -C "$release"
