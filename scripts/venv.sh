# Sourced by the scripts: makes and enters the project's own virtual environment, once per set of dependencies.
# extras="" before it installs the package alone; the default adds what tests and checks need.
venv="${EDGE_GATEWAY_VENV:-.venv}"
extras="${extras-[test,check]}"
stamp="$venv/.installed-$(cat setup.cfg pyproject.toml | sha256sum | cut -c1-16)"

drop_venv() { [ ! -e "$venv/pyvenv.cfg" ] || rm -rf "$venv"; }

make_venv() {
    "${PYTHON:-python3}" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        echo "${PYTHON:-python3} is missing or older than 3.11; PYTHON=/path/to/python3 names another" >&2
        exit 1
    }
    "${PYTHON:-python3}" -m venv "$venv" >/dev/null 2>&1 && return
    drop_venv  # without ensurepip, venv leaves an environment that has a python and no pip
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing python3-venv, which Debian's python3 lacks" >&2
        { apt-get update -qq && apt-get install -y -qq python3-venv; } >/dev/null 2>&1 || true
    fi
    "${PYTHON:-python3}" -m venv "$venv" && return
    drop_venv
    echo "no virtual environment could be made: sudo apt-get install python3-venv" >&2
    exit 1
}

if [ ! -e "$stamp" ] && { [ -n "$extras" ] || [ ! -e "$stamp-plain" ]; }; then
    [ -x "$venv/bin/pip" ] || make_venv
    echo "installing into $venv (once)" >&2
    # Errors alone: pip hands on what setuptools has to say about every editable installation.
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check --upgrade pip "setuptools>=77"
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check --editable ".$extras"
    rm -f "$venv"/.installed-*
    [ -n "$extras" ] || stamp="$stamp-plain"
    touch "$stamp"
fi
PATH="$PWD/$venv/bin:$PATH"
case "$venv" in /*) PATH="$venv/bin:$PATH" ;; esac
export PATH
