#!/bin/sh
# What this host says of itself, posted to an agent of Branchfleet, or with --to-file written into a file.
# It only looks, and changes nothing. It holds the key of @POSITION@: keep it to root (chmod 700).
#   sh FILE                    posts to @ADDRESS@; needs sha256sum, and curl or wget
#   sh FILE --to-file PATH     writes what `branchfleet facts import` takes, without any network
# By cron, in /etc/cron.d/branchfleet-facts:
#   @CRON@
umask 077
PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin
LC_ALL=C
export PATH LC_ALL
unset http_proxy HTTP_PROXY https_proxy all_proxy ALL_PROXY

position='@POSITION@'
server='http://@ADDRESS@'
sha256='@SHA256@'
# the key, as the two blocks of RFC 2104: with these a shell signs, and nothing of it stands in a list of processes
inner='@INNER@'
outer='@OUTER@'

fail() { printf '%s\n' "$2" >&2; exit "$1"; }

has() { command -v "$1" >/dev/null 2>&1; }

tell() {
    /bin/sh <<'@WORD@'
begin_marker=BEGIN-FACTS
end_marker=END-FACTS
@SCRIPT@
@WORD@
}

digest() { sha256sum | cut -c 1-64; }

bytes() { for byte in $(sed 's/../0x& /g'); do printf '%b' "\\0$(printf '%03o' "$byte")"; done; }

signature() { { printf '%b' "$outer"; { printf '%b' "$inner"; cat "$1"; } | digest | bytes; } | digest; }

document() { # NONCE FILE
    {
        printf 'branchfleet-facts 1\nposition=%s\ntime=%s\nnonce=%s\nscript=facts.sh %s\n\n' \
            "$position" "$(date +%s)" "$1" "$sha256"
        cat "$folder/said"
    } >"$2" && signed=$(signature "$2") && printf 'signature=%s\n' "$signed" >>"$2"
}

ask() { # PATH [FILE]
    if has curl; then
        if [ -n "$2" ]; then curl -sS -m 60 -H 'Content-Type: text/plain' --data-binary "@$2" "$server$1"
        else curl -sS -m 60 "$server$1"; fi
    elif has wget; then
        if [ -n "$2" ]; then wget -q -T 60 -O - --post-file="$2" "$server$1"
        else wget -q -T 60 -O - "$server$1"; fi
    else fail 3 'neither curl nor wget is here'; fi
}

case "$#:$1" in
0:) ;;
2:--to-file) ;;
*) fail 2 'usage: sh FILE [--to-file PATH]' ;;
esac
has sha256sum || fail 3 'sha256sum is not here'
folder=$(mktemp -d) || fail 1 'no folder for what is said could be made'
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
tell >"$folder/said"
[ "$(tail -n 1 "$folder/said")" = END-FACTS ] || fail 1 'the script did not say all of it'
if [ "$1" = --to-file ]; then
    document "$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')" "$folder/document" && cat "$folder/document" >"$2" ||
        fail 1 "$2 cannot be written"
    exit 0
fi
nonce=$(ask /facts/nonce) || fail 4 "$server does not answer"
case "$nonce" in '' | *[!0-9a-f]*) fail 4 "$server answered: $nonce" ;; esac
document "$nonce" "$folder/document" || fail 1 'no room for what is said'
answer=$(ask /facts "$folder/document")
[ "$answer" = taken ] || fail 5 "it was not taken: ${answer:-refused, or nobody answered}"
