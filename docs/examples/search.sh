#!/bin/sh
# Search with curl by NCBI's URL API: search.sh URL DATABASE QUERY.fa
set -eu
api=$1/api/Blast.cgi
page=$(curl -sS "$api" -d CMD=Put -d PROGRAM=blastn -d "DATABASE=$2" --data-urlencode "QUERY@$3")
rid=$(printf '%s\n' "$page" | sed -n 's/^ *RID = //p')
if [ -z "$rid" ]; then
    printf '%s\n' "$page" | sed -n 's/.*<p class="error">\(.*\)<\/p>.*/\1/p' >&2
    exit 2
fi
while :; do
    state=$(curl -sS "$api?CMD=Get&FORMAT_OBJECT=SearchInfo&RID=$rid" | sed -n 's/.*Status=//p')
    case $state in
        READY) break ;;
        WAITING) sleep 3 ;;
        *) echo "the search is $state" >&2; exit 3 ;;
    esac
done
curl -sS "$api?CMD=Get&FORMAT_TYPE=CSV&RID=$rid"
