# The release before the present one; the present one stays at hand.
cd "$base"
point() { ln -sfn "$2" ".$1.new" && mv -fT ".$1.new" "$1"; }
old=$(readlink current)
new=$(readlink previous)
point current "$new"
point previous "$old"
