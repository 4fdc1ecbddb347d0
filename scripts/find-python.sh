#!/bin/sh
# Print the path of a Python 3.11 or newer: the one named by $1, or else that of .venv, or else the first in PATH.
# Candidates are run, not only looked up: a version manager's shim can be in PATH for a Python that is not installed.

try() {
    "$1" -c 'import sys; print(sys.executable); sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

if [ -n "$1" ]; then
    try "$1" && exit 0
    echo "PYTHON=$1 is not Python 3.11 or newer; its version: $("$1" --version 2>&1)" >&2
    exit 1
fi
for candidate in .venv/bin/python python3 python3.14 python3.13 python3.12 python3.11; do
    found=$(try "$candidate") && echo "$found" && exit 0
done
echo "This project needs Python 3.11 or newer, and there is none in PATH." >&2
echo "Install one (Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python)," >&2
echo "or name it: make run PYTHON=/path/to/python3" >&2
exit 1
