#!/bin/sh
# find_python.sh NAME: print a Python of that name which runs: first from PATH, then from pyenv.
runs() { "$1" -c '' 2>/dev/null; }

if runs "$1"; then
    command -v "$1"
    exit 0
fi
if command -v pyenv >/dev/null; then
    for python in "$(pyenv root)"/versions/*/bin/"$1"; do
        if runs "$python"; then
            echo "$python"
            exit 0
        fi
    done
fi
exit 1
