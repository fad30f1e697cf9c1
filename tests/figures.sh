#!/bin/sh
# Prints the figures that the notes quote. Usage: figures.sh path/to/ligature
set -eu
ligature=$1
cd "$(dirname "$0")/.."
case=examples/cases/verified-google-login.json

echo "== one login, fresh instance ($("$ligature" --version), release build)"
"$ligature" bench "$case" --seconds 3
echo
echo "== the same on demand"
"$ligature" bench "$case" --seconds 3 --on-demand | head -2
echo
echo "== fuel of one case, twice"
for _ in 1 2; do "$ligature" run "$case" --json | grep '"fuel"'; done
echo
echo "== component"
"$ligature" inspect | grep size
echo
echo "== process start to printed page: compilation cache empty, then filled (ms, medians of 7)"
cache=$(mktemp -d)
trap 'rm -rf "$cache" "$cache.wasm"' EXIT
millis() { echo $(($(date +%s%N) / 1000000)); }
median() { sort -n | sed -n 4p; }
once() {
    start=$(millis)
    XDG_CACHE_HOME="$cache" "$ligature" run "$case" "$@" >/dev/null
    echo $(($(millis) - start))
}
"$ligature" component --built-in --output "$cache.wasm" >/dev/null
echo 'The build has compiled the built-in policy; a plugin of a file is compiled at the first run.'
printf 'built-in policy, first   '
for _ in 1 2 3 4 5 6 7; do rm -rf "$cache"/*; once; done | median
printf 'built-in policy, again   '
for _ in 1 2 3 4 5 6 7; do once; done | median
printf 'the same as file, first  '
for _ in 1 2 3 4 5 6 7; do rm -rf "$cache"/*; once --plugin "$cache.wasm"; done | median
printf 'the same as file, again  '
for _ in 1 2 3 4 5 6 7; do once --plugin "$cache.wasm"; done | median
echo
echo "== the embedded Action"
if [ -d examples/auth0-action-embedded/dist ]; then
    (cd examples/auth0-action-embedded && node figures.mjs)
else
    echo 'build it first: npm ci && npm run build in examples/auth0-action-embedded'
fi
