# The release's own environment. pip runs from its wheel: Debian's python3-venv need not be there.
cd "$release"
if [ -f uv/uv ]; then
    mkdir -p "$base/bin"
    mv uv/uv "$base/bin/uv"
    chmod 755 "$base/bin/uv"
fi
if [ -n "$uv" ]; then
    UV_PYTHON_INSTALL_DIR=$base/python "$uv" venv --quiet --managed-python --python "$python" venv
elif [ -n "$site" ]; then
    "$python" -m venv --without-pip --system-site-packages venv
else
    "$python" -m venv --without-pip venv
fi
set -- install --quiet --no-input --disable-pip-version-check --no-warn-script-location
set -- "$@" --only-binary=:all: --constraint constraints.txt
if [ -n "$offline" ]; then set -- "$@" --no-index --find-links wheels; fi
pip=$(echo pip/pip-*.whl)
venv/bin/python "$pip/pip" "$@" "$wheel"
rm -rf pip
