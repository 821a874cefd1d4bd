#!/bin/sh
# find_python.sh NAME: print the path of a working Python: from PATH, or from pyenv.
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
