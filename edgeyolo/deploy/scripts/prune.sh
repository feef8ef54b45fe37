# What is neither in use nor at hand for a way back goes.
cd "$base/releases" || exit 1
place=${EDGEYOLO_UNITS:-/etc/systemd/system}/edgeyolo.service
unit=
if [ -e "$place" ]; then
    # Nothing goes where it is not known what runs at boot.
    unit=$(cat "$place" 2>/dev/null || sudo -n cat "$place" 2>/dev/null) || exit 0
fi
running=$(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n') || true
current=$(basename "$(readlink ../current)")
previous=$(basename "$(readlink ../previous 2>/dev/null || true)")
for release in *; do
    [ -d "$release" ] || continue
    case $release in "$current" | "$previous") continue ;; esac
    case $unit$running in *"/releases/$release/"*) continue ;; esac
    if rm -rf "$release" 2>/dev/null; then say removed "$release"; else say kept "$release"; fi
done
