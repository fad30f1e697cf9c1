#!/bin/sh
# Prints the fuel of a decision with 32 KiB of metadata on each side, for each
# shape and rule. Usage: metadata-fuel.sh path/to/ligature path/to/plugin.wasm
set -eu
ligature=$1 plugin=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# An object of 32 KiB; the sides differ in their values.
object() {
    awk -v shape="$1" -v side="$2" '
    function short(i) { return letter(i / 4096) letter(i / 64) letter(i) }
    function letter(i) {
        return substr("-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz", int(i) % 64 + 1, 1)
    }
    function item(i) {
        if (shape == "flat-18") return sprintf("\"key_%06d\":%d", i, i % 1000 + side)
        if (shape == "flat-8") return "\"" short(i) "\":" side
        if (shape == "flat-unshared") return "\"" side short(i) "\":0"
        if (shape == "flat-escapes") return "\"\\n" short(i) "\":" side
        if (shape == "objects-1") return "\"" short(i) "\":{\"a\":" side "}"
        if (shape == "objects-3") return "\"" short(i) "\":{\"a\":" side ",\"b\":1,\"c\":2}"
        if (shape == "arrays-1") return "\"" short(i) "\":[" side "]"
        if (shape == "levels-30") return sprintf("\"k%03d\":%d", i % 110, side) (i % 110 < 109 ? "" : ",\"z\":{")
        if (shape == "list-digits") return (i + side) % 10
        if (shape == "list-numbers") return i * 2 + side
        if (shape == "list-texts") return "\"" short(i * 2 + side) "\""
        return "{\"id\":" i * 2 + side ",\"n\":\"x\"}"
    }
    BEGIN {
        is_list = shape ~ /^list/
        text = is_list ? "{\"a\":[" : "{"
        for (i = 0; length(text) < 32700; i++) {
            if (substr(text, length(text)) !~ /[[{]/) text = text ","
            text = text item(i)
            if (text ~ /{$/) depth++
        }
        text = text (is_list ? "]" : "")
        while (depth-- > 0) text = text "}"
        print text "}"
    }'
}

identity() {
    printf '"identities":[{"provider":"%s","user_id":"%s","connection":"%s","isSocial":false}]' "$1" "$2" "$3"
}

account() {
    printf '"email":"ada@example.com","email_verified":true,"logins_count":2,'
    printf '"created_at":"%s-01-01T00:00:00Z","last_login":"2026-10-01T08:00:00Z","%s_metadata":' "$1" "$2"
    object "$3" "$4"
}

for shape in flat-18 flat-8 flat-unshared flat-escapes objects-1 objects-3 arrays-1 levels-30 \
    list-digits list-numbers list-texts list-objects; do
    for rule in primary_wins secondary_wins newest_wins union_arrays deep must_equal; do
        # A difference would end the decision before anything is merged.
        other=1
        [ "$rule" != must_equal ] || other=0
        for side in user app; do
            {
                printf '{"title":"%s","now":"2026-11-21T10:00:00.000Z","policy":{"mode":"auto",' "$shape"
                printf '"trusted_connections":["google-oauth2"],"metadata":{"%s":{"default":"%s"}}},' "$side" "$rule"
                printf '"users":[{"user_id":"auth0|1",'
                identity auth0 1 Username-Password-Authentication
                printf ','
                account 2024 "$side" "$shape" 0
                printf '}],"event":{"connection":{"id":"con_0000000000000002","name":"google-oauth2",'
                printf '"strategy":"google-oauth2"},"user":{"user_id":"google-oauth2|2",'
                identity google-oauth2 2 google-oauth2
                printf ','
                account 2025 "$side" "$shape" "$other"
                printf '}}}\n'
            } >"$work/case.json"
            fuel=$("$ligature" run "$work/case.json" --plugin "$plugin" --json | sed -n 's/.*"fuel": \([0-9]*\).*/\1/p')
            printf '%-14s %-15s %-5s %10s\n' "$shape" "$rule" "$side" "${fuel:-none}"
        done
    done
done
