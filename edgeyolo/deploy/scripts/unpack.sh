# A tar on stdin becomes the folder of a release, not complete yet.
set -eu
name=${release##*/}
if [ -f "$release/complete" ] || [ "$(readlink "$base/current" || true)" = "releases/$name" ]; then
    if [ -z "$repair" ]; then
        echo "edgeyolo: Release $name is there already." >&2
        exit 1
    fi
    # clean.sh brings it back if the new one does not come to its end.
    if [ -d "$release" ]; then rm -rf "$release.old" && mv "$release" "$release.old"; fi
fi
rm -rf "$release"
mkdir -p "$release"
tar -xof - -C "$release"
