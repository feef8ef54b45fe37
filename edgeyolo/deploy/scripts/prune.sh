# What is neither in use nor at hand for a way back goes.
cd "$base/releases"
running=$(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n') || true
current=$(basename "$(readlink ../current)")
previous=$(basename "$(readlink ../previous 2>/dev/null || true)")
for release in *; do
    [ -d "$release" ] || continue
    case $release in "$current" | "$previous") continue ;; esac
    case $running in *"/releases/$release/"*) continue ;; esac
    rm -rf "$release"
    printf 'edgeyolo:removed=%s\n' "$release"
done
