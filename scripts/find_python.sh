#!/bin/sh
# Prints a Python that can set Mattecam up: $PYTHON if given, the environment's own, else the first
# of 3.13 to 3.10 that really runs. Where a machine has none, and it is a Debian or Ubuntu that lets
# us install, installs python3-venv first. What it does besides is said on stderr.
set -eu

venv="${VENV:-.venv}"

in_range() { # Shims of version managers exist without the Python behind them: start it.
    "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}
complete() { # Debian splits the making of virtual environments from Python.
    in_range "$1" && "$1" -c 'import venv, ensurepip' 2>/dev/null
}
found() {
    printf '%s\n' "$1"
    exit 0
}
first() { # of the known names, the first one that passes the check $1
    for python in python3.13 python3.12 python3.11 python3.10 python3 python; do
        if "$1" "$python"; then found "$python"; fi
    done
}

if [ -n "${PYTHON:-}" ]; then
    if "$PYTHON" -c '' 2>/dev/null; then found "$PYTHON"; fi
    echo "PYTHON=$PYTHON cannot be started. Leave PYTHON out, or name one that is installed." >&2
    exit 1
fi
if in_range "$venv/bin/python"; then found "$venv/bin/python"; fi
first complete
first in_range # setup.py installs, or names, the package that is missing

wanted="Mattecam needs Python 3.10 to 3.13, and none is here."
if command -v apt-get >/dev/null; then
    if [ "$(id -u)" = 0 ]; then
        as_root=
    elif sudo -n true 2>/dev/null; then
        as_root="sudo -n"
    else
        echo "$wanted Run: sudo apt-get install python3-venv" >&2
        exit 1
    fi
    echo "$wanted Running: apt-get install -y python3-venv" >&2
    {
        $as_root apt-get update -qq
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends python3-venv
    } >/dev/null
    first complete
fi
echo "$wanted Install it (python.org, or your system's packages), and run this again." >&2
exit 1
