# The release's own environment. pip runs from its wheel: Debian's python3-venv need not be there.
cd "$release"
set -- --quiet --only-binary=:all: --constraint constraints.txt
if [ -n "$offline" ]; then set -- "$@" --no-index --find-links wheels; fi
if [ -n "$managed" ]; then
    uv=$base/bin/uv
    if [ -f uv/uv ]; then
        mkdir -p "$base/bin"
        mv -f uv/uv "$uv"
        chmod 755 "$uv"
    fi
    UV_PYTHON_INSTALL_DIR=$base/python "$uv" venv --quiet --managed-python --python "$python" venv
    "$uv" pip install --python venv/bin/python --compile-bytecode "$@" "$wheel"
else
    "$python" -m venv --without-pip ${site:+--system-site-packages} venv
    set -- "$@" --no-input --disable-pip-version-check --no-warn-script-location
    venv/bin/python "$(echo pip/pip-*.whl)/pip" install "$@" "$wheel"
fi
rm -rf pip wheels uv
