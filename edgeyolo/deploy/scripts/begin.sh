# How every script begins: the folder of all releases, and how a script answers.
export LC_ALL=C # what goes wrong is known by its English words
base=${HOME:?}/.local/share/edgeyolo
say() { printf 'edgeyolo:%s=%s\n' "$1" "$2"; }
echo # a login shell may have left its last line open
