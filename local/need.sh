#!/bin/sh
# need.sh COMMAND PACKAGE: check for COMMAND; install Debian's PACKAGE if root, else fail.
command -v "$1" >/dev/null && exit 0
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    echo "Installing $2 ..."
    export DEBIAN_FRONTEND=noninteractive
    log=$(mktemp)
    { apt-get install -qq -y "$2" || { apt-get update -qq && apt-get install -qq -y "$2"; }; } \
        >"$log" 2>&1 && rm -f "$log" && exit 0
    cat "$log" && rm -f "$log" && exit 1
fi
echo "$1 is needed and is not installed. On Debian and Ubuntu: sudo apt-get install -y $2"
exit 1
