#!/bin/sh
# Builds the example policy in one language: a project of `ligature new` with the
# example's files in the place of its own, by the commands of its README.
# Usage: build.sh LIGATURE LANGUAGE FOLDER, where FOLDER gets the project
# `domain-allow-list` and must not have one.
set -eu
if ! [ -f "$1" ] || ! [ -x "$1" ]; then
    echo "$1 is not the program; \`cargo build --release\` makes target/release/ligature" >&2
    exit 2
fi
ligature=$1 language=$2 folder=$3
example=$(cd "$(dirname "$0")/domain-allow-list" && pwd)
# The README calls it `ligature`, whatever the file's name.
programs=$(mktemp -d)
trap 'rm -r "$programs"' EXIT
ln -s "$(cd "$(dirname "$ligature")" && pwd)/$(basename "$ligature")" "$programs/ligature"
PATH=$programs:$PATH
mkdir -p "$folder"
cd "$folder"
ligature new domain-allow-list --lang "$language" >&2
cd domain-allow-list
cp -R "$example/$language/." .
rm -r cases
cp -R "$example/cases" cases
sed -n '/^```sh$/,/^```$/p' README.md | sed '/^```/d' > build-commands
sh -e build-commands >&2
rm build-commands
# The component and the options that it needs.
sed -n 's/^ligature inspect //p' README.md
