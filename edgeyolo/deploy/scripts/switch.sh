# From here on it is this release; each link changes in one step.
cd "$base"
point() { ln -sfn "$2" ".$1.new" && mv -fT ".$1.new" "$1"; }
touch "releases/$name/complete"
old=$(readlink current || true)
if [ "$old" != "releases/$name" ]; then
    if [ -n "$old" ]; then point previous "$old"; fi
    point current "releases/$name"
fi
