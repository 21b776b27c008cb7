# Sourced by the scripts: makes and enters the project's own virtual environment, once per set of dependencies.
venv="${EDGE_GATEWAY_VENV:-.venv}"
stamp="$venv/.installed-$(cat setup.cfg pyproject.toml | sha256sum | cut -c1-16)"
if [ ! -e "$stamp" ]; then
    [ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade pip "setuptools>=77"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable ".[test,check]"
    rm -f "$venv"/.installed-*
    touch "$stamp"
fi
PATH="$PWD/$venv/bin:$PATH"
case "$venv" in /*) PATH="$venv/bin:$PATH" ;; esac
export PATH
