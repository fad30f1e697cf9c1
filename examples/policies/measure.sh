#!/bin/sh
# Prints what the example policy costs in each language, as a table: the case
# allowed-and-linked, decided again and again. Usage: measure.sh LIGATURE
# [LANGUAGE…], where LIGATURE is a release build. It builds the policies first,
# in a temporary folder, and so takes the languages' tools.
set -eu
if ! [ -f "$1" ] || ! [ -x "$1" ]; then
    echo "$1 is not the program; \`cargo build --release\` makes target/release/ligature" >&2
    exit 2
fi
ligature=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
shift
here=$(cd "$(dirname "$0")" && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
millis() { echo $(($(date +%s%N) / 1000000)); }
number() { sed -n "s/^ *\"$1\": \([0-9.]*\),*$/\1/p"; }

echo '| language | size | p50 per login | p99 | fuel | memory | compiled first | from the cache |'
echo '|---|---|---|---|---|---|---|---|'
for language in ${*:-rust c js python}; do
    if ! sh "$here/build.sh" "$ligature" "$language" "$place/$language" >"$place/options" 2>"$place/said"; then
        cat "$place/said" >&2
        echo "$language was not built" >&2
        exit 1
    fi
    cd "$place/$language/domain-allow-list"
    # Words of the README's command line: a file, options, no spaces in any.
    set -- $(cat "$place/options")
    size=$(wc -c <"$1")

    export XDG_CACHE_HOME="$place/cache/$language"
    start=$(millis)
    "$ligature" inspect "$@" >/dev/null
    first=$(($(millis) - start))
    # Half of seven starts from the cache take no longer.
    again=$(for _ in 1 2 3 4 5 6 7; do
        start=$(millis)
        "$ligature" inspect "$@" >/dev/null
        echo $(($(millis) - start))
    done | sort -n | sed -n 4p)

    bench=$("$ligature" bench cases/allowed-and-linked.json --plugin "$@" --json)
    figure() { echo "$bench" | number "$1"; }
    awk -v language="$language" -v size="$size" -v p50="$(figure p50_us)" -v p99="$(figure p99_us)" \
        -v fuel="$(figure fuel)" -v memory="$(figure peak_memory_bytes)" -v first="$first" -v again="$again" 'BEGIN {
            printf "| %s | %.0f KB | %.0f µs | %.0f µs | %.2f M | %.1f MiB | %.1f s | %d ms |\n",
                language, size / 1000, p50, p99, fuel / 1e6, memory / 1048576, first / 1000, again
        }'
    cd "$here"
done
