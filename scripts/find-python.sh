#!/bin/sh
# Prints the path of a Python of version 3.11 or newer: the one named as $1, or else that of .venv, or else the
# first in PATH that answers.
# It is run, not only looked for: a version manager's shim may stand in PATH for a Python that is not there.

try() {
    "$1" -c 'import sys; print(sys.executable); sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

if [ -n "$1" ]; then
    try "$1" && exit 0
    echo "PYTHON=$1 is not a Python of version 3.11 or newer (it says: $("$1" --version 2>&1))." >&2
    exit 1
fi
for candidate in .venv/bin/python python3 python3.14 python3.13 python3.12 python3.11; do
    found=$(try "$candidate") && echo "$found" && exit 0
done
echo "This project needs Python 3.11 or newer, and none was found in PATH." >&2
echo "Install one (Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python)," >&2
echo "or name it: make run PYTHON=/path/to/python3" >&2
exit 1
