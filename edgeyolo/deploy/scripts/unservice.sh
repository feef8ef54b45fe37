# The unit as it was before, and whatever runs under it.
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
place=${EDGEYOLO_UNITS:-/etc/systemd/system}/edgeyolo.service
if [ -f "$base/edgeyolo.service.before" ]; then
    as_root install -m 644 "$base/edgeyolo.service.before" "$place"
    as_root systemctl daemon-reload
    as_root systemctl restart edgeyolo
else
    as_root systemctl disable --now --quiet edgeyolo
    as_root rm -f "$place"
    as_root systemctl daemon-reload
fi
