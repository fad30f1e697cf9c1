#!/usr/bin/env bash
# `make demo-spa`, `demo-spa-lock`, `demo-webapp`: an example and the tenant that it
# needs. Ctrl-C ends both. Settings, all optional:
#   LIGATURE   a program `ligature`; without it, cargo builds one
#   APP_PORT, TENANT_PORT, TENANT_TLS_PORT   3000, 4480 and 4481
set -euo pipefail
cd "$(dirname "$0")"

name=${1:-}
app_port=${APP_PORT:-3000}
tenant_port=${TENANT_PORT:-4480}
tenant_tls_port=${TENANT_TLS_PORT:-4481}

fail() {
    echo "demo: $*" >&2
    exit 1
}

[[ $name =~ ^[a-z-]+$ && -f $name/start.mjs ]] || fail "usage: demo.sh spa|spa-lock|webapp"
command -v node >/dev/null || fail 'Node.js is missing: install version 20.19 or later (Debian: apt install nodejs)'
command -v npm >/dev/null || fail 'npm is missing: install it (Debian: apt install npm)'
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
    fail "Node.js $(node --version) is too old: version 20.19 or later is needed"

# The installed packages are those of the lock.
if [[ ! $name/node_modules/.package-lock.json -nt $name/package-lock.json ]]; then
    echo 'Installing the packages of the example with npm.'
    (cd "$name" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) || fail 'npm ci has failed, see above'
    touch "$name/node_modules/.package-lock.json"
fi

if [[ -n ${LIGATURE:-} ]]; then
    command -v "$LIGATURE" >/dev/null || fail "LIGATURE=$LIGATURE is no program"
    ligature=("$LIGATURE")
else
    command -v cargo >/dev/null || fail 'cargo is missing: install Rust (rustup), or set LIGATURE to a program `ligature`'
    features=(--quiet --locked --package ligature-host --bin ligature --no-default-features --features serve)
    [[ -d $(rustc --print sysroot)/lib/rustlib/wasm32-wasip2/lib ]] || rustup target add wasm32-wasip2
    echo 'Building ligature with its tenant. The first build takes minutes.'
    (cd .. && cargo build "${features[@]}") || fail 'the build has failed, see above'
    ligature=(cargo run "${features[@]}" --)
fi

place=$(mktemp -d)
started=()
# Background processes of a script ignore the interrupt of a terminal.
finish() {
    trap '' INT TERM
    for pid in ${started[@]+"${started[@]}"}; do kill "$pid" 2>/dev/null || true; done
    wait
    rm -rf "$place"
}
trap finish EXIT
trap 'echo; echo "The example and its tenant have ended."; exit 130' INT
trap 'exit 143' TERM

# Waits until a process has printed that it is ready.
await() {
    local pid=$1 output=$2 log=$3 what=$4
    until grep -q ready "$output"; do
        if ! kill -0 "$pid" 2>/dev/null; then
            tail -n 20 "$log" >&2
            fail "$what has not started, see above. If a port is in use, end the process that listens on it, or set APP_PORT ($app_port now), TENANT_PORT ($tenant_port) or TENANT_TLS_PORT ($tenant_tls_port)"
        fi
        sleep 0.1
    done
}

sed "s/localhost:3000/localhost:$app_port/g" tenant.toml >"$place/tenant.toml"
cp policy.json "$place/"
: >"$place/tenant.out" >"$place/app.out"
LIGATURE_STATE=$place/state "${ligature[@]}" serve --port "$tenant_port" --tls-port "$tenant_tls_port" \
    --config "$place/tenant.toml" --policy "$place/policy.json" >"$place/tenant.out" 2>"$place/tenant.log" &
tenant=$!
started+=("$tenant")
await "$tenant" "$place/tenant.out" "$place/tenant.log" 'the tenant'

(cd "$name" && PORT=$app_port TENANT=http://localhost:$tenant_port exec node start.mjs) \
    >"$place/app.out" 2> >(tee "$place/app.log" >&2) &
app=$!
started+=("$app")
await "$app" "$place/app.out" "$place/app.log" 'the example'

echo "Open http://localhost:$app_port/ and log in as ada@example.com, correct horse battery"
echo "Codes and links that would be sent are at http://localhost:$tenant_port/dev/outbox; Ctrl-C ends both."
wait -n "$tenant" "$app" || true
tail -n 20 "$place/tenant.log" >&2
fail 'the example or its tenant has ended'
