# What attempts that failed have left; a release whose repair failed comes back.
cd "$base/releases" || exit 1
current=$(readlink ../current || true)
for release in *; do
    if [ ! -d "$release" ]; then continue; fi
    kept=${release%.old}
    if [ "$kept" = "$release" ]; then
        if [ -f "$release/complete" ] || [ -d "$release.old" ]; then continue; fi
        if [ "$current" != "releases/$release" ]; then rm -rf "$release"; fi
    elif [ -f "$kept/complete" ]; then
        rm -rf "$release"
    else
        rm -rf "$kept" && mv "$release" "$kept"
    fi
done 2>/dev/null || true
