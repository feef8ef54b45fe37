# A release becomes the current one, with its unit; if that does not start, all is as it was.
# Without alive.sh: it comes to one end or the other also when the connection has gone.
# service: "" leaves the service alone; "start" has it run $unit, from now on and at boot;
# "own" has it run the unit that is kept in the release, if it ran at all.
set -eu
trap '' HUP PIPE
exec 8>>"$base/activating"
flock 8
cd "$base"
new=releases/$name
place=${EDGEYOLO_UNITS:-/etc/systemd/system}/edgeyolo.service
file=$new/edgeyolo.service
since=$(date +%s)
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
point() {
    if [ -n "$2" ]; then ln -sfn "$2" ".$1.new" && mv -fT ".$1.new" "$1"; else rm -f "$1"; fi
}
reload() { as_root systemctl daemon-reload; }
restart() {
    restarted=yes
    as_root systemctl restart edgeyolo
}
change() {
    if [ "$old" != "$new" ]; then point previous "$old" && point current "$new" || return; fi
    if [ -z "$service" ]; then return 0; fi
    as_root install -m 644 "$file" "$place.new" && as_root mv -f "$place.new" "$place" &&
        reload || return
    if [ "$service" = start ]; then
        as_root systemctl enable --quiet edgeyolo && restart
    elif [ -n "$ran" ]; then
        restart
    fi
}
take_back() {
    point current "$old"
    point previous "$older"
    if [ -z "$service" ]; then return 0; fi
    as_root rm -f "$place.new"
    if [ -z "$had" ]; then
        as_root systemctl disable --now --quiet edgeyolo
        as_root rm -f "$place"
        reload
        return
    fi
    as_root mv -f "$place.before" "$place"
    reload
    if [ -z "$enabled" ]; then as_root systemctl disable --quiet edgeyolo; fi
    if [ -n "$ran" ] && [ -n "$restarted" ]; then
        restart || echo edgeyolo:stopped >&2
    elif [ -n "$restarted" ]; then
        as_root systemctl stop edgeyolo
    fi
}

old=$(readlink current || true)
older=$(readlink previous || true)
had='' enabled='' ran='' restarted=''
if [ -n "$service" ]; then # all that can fail for want of space or rights, before any change
    if [ "$service" = start ]; then
        file=$file.new
        printf '%s' "$unit" >"$file"
    fi
    if systemctl is-enabled --quiet edgeyolo 2>/dev/null; then enabled=yes ran=yes; fi
    if systemctl is-active --quiet edgeyolo 2>/dev/null; then ran=yes; fi
    # A second name, not a copy: it needs no space, and keeps owner and rights.
    if [ -e "$place" ] || [ -L "$place" ]; then
        as_root ln -f "$place" "$place.before"
        had=yes
    fi
fi
sync
: >"$new/complete"
if change; then
    if [ "$service" = start ]; then mv -f "$file" "$new/edgeyolo.service"; fi
    if [ -n "$had" ]; then as_root rm -f "$place.before" || true; fi
    say restarted "$restarted"
    exit 0
fi
said=
if [ -n "$restarted" ]; then
    said=$(as_root journalctl --unit edgeyolo --since "@$since" --lines 30 --output cat --no-pager) || true
fi
take_back || true
printf '%s\n' "$said" >&2
exit 1
