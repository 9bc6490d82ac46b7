#!/bin/sh
# usable_python.sh PYTHON ENVIRONMENT GOAL: ends with 1 and one line of words where the gateway cannot
# be installed with that Python, or into the environment that stands there already.
least=$(sed -n 's/^requires-python = ">=\(.*\)"$/\1/p' pyproject.toml)
new_enough='import sys; sys.exit(sys.version_info < tuple(map(int, sys.argv[1].split("."))))'
version='import platform; print(platform.python_version())'
python=$1 inside=$2/bin/python

fail() {
    echo "$*" >&2
    exit 1
}

if [ -e "$inside" ] || [ -L "$inside" ]; then
    again="Make it anew: rm -rf $2 && make $3"
    found=$("$inside" -c "import pip; $version" 2>/dev/null) ||
        fail "The environment in $2 is broken: its Python does not run, or has no pip. $again"
    "$inside" -c "$new_enough" "$least" ||
        fail "The environment in $2 has Python $found; the gateway needs $least or later. $again"
    exit 0
fi
other="Install one and name it: make $3 PYTHON=python$least"
found=$("$python" -c "$version" 2>/dev/null) ||
    fail "The gateway needs Python $least or later, and $python does not run. $other"
"$python" -c "$new_enough" "$least" ||
    fail "The gateway needs Python $least or later; $python is $found. $other"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$python makes no environments: it lacks venv (on Debian: apt-get install python3-venv)."
