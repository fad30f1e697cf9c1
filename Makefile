# The two commands of the README, and the steps of CI.

# A failing command within a pipe fails the target.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

TARGET := wasm32-wasip2
CARGO ?= cargo
export RUSTUP_AUTO_INSTALL ?= 0

.PHONY: help demo demo-spa demo-spa-lock demo-webapp test compile-tests features features-lint features-test fuzz game kills races snapshots mutants bench bench-directory bench-hook bench-tenant bench-languages figures lint docs doc target clean bench-backfill bench-compare

help:
	@echo 'make demo     decide one real login and print what happened'
	@echo 'make demo-spa       start a tenant and a single-page application whose users link accounts'
	@echo 'make demo-spa-lock  the same with Lock'
	@echo 'make demo-webapp    the same with a web application'
	@echo '                    They listen on APP_PORT=3000, TENANT_PORT=4480 and TENANT_TLS_PORT=4481.'
	@echo 'make test     run every test'
	@echo 'make features check each cargo feature of the library alone, and test it'
	@echo 'make fuzz     fuzz the decision for a minute'
	@echo 'make game     search for take-overs of accounts, and print how many states were explored'
	@echo 'make races    64 logins link the same two accounts at once, 1000 times in each database (minutes)'
	@echo 'make kills    kill two processes that link at once at 50 random points (minutes)'
	@echo 'make snapshots  decide every case with a policy that has read its document before (minutes)'
	@echo 'make mutants  change the code in small ways, and print the changes that no test notices (hours)'
	@echo 'make bench    measure how fast logins are decided (release build)'
	@echo 'make bench-directory  measure look-ups, links and imports in SQLite and PostgreSQL'
	@echo 'make bench-backfill  measure previews of USERS=10000000 users, and links, in files, SQLite and PostgreSQL'
	@echo 'make bench-compare  measure one login in the sandbox, natively and in sandboxes of Node, and whole servers (DOCS=docs/benchmarks.md)'
	@echo 'make bench-tenant  measure the local tenant under load, from another process'
	@echo 'make bench-hook  measure the login hook under load, from another process (FIGURES=isolation: beside harmful logins)'
	@echo 'make bench-languages  measure one policy in Rust, C, JavaScript and Python (release build)'
	@echo 'make figures  print every figure that the documentation quotes (release build)'
	@echo 'make docs     generate docs/reasons.md, command-line.md and supported.md from the code'
	@echo 'make lint     rustfmt, clippy, cargo deny where it is installed'

# Cargo's target directory, which its configuration may name.
TARGET_DIR = $(shell $(CARGO) metadata --locked --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')

# The library with some of its features. The second package is why a smaller set of features does
# not compile the WebAssembly runtime once more: see its manifest.
HOST := --locked --package ligature-host --package ligature-shared-features --no-default-features

# The program without databases and without the server, which are most of it.
DEMO := $(HOST) --bin ligature --features ligature-host/cli

demo: target
	@echo 'Building ligature without databases and server, and then running it on one login.'
	@echo 'The first build compiles the WebAssembly runtime and its compiler: about 11 minutes of'
	@echo 'processor time, 6 minutes on two idle cores, and 2.5 GB of disk. Later builds take seconds.'
	@$(CARGO) build $(DEMO)
	@"$(TARGET_DIR)/debug/ligature" run examples/cases/verified-google-login.json

# An example next to its tenant. Ctrl-C ends both. LIGATURE=PROGRAM uses that program.
demo-spa demo-spa-lock demo-webapp:
	@examples/demo.sh $(@:demo-%=%)

test: target
	$(CARGO) test --workspace --locked

# For CI, which has other work for one core meanwhile.
compile-tests: target
	$(CARGO) test --workspace --locked --no-run

# Each feature of the library alone. Each is linted; the unit tests run for the core, for
# one database and for the hook, which has `auth0` and `built-in`. Each further set would
# compile the library and its tests once more, which takes minutes of CI, to run tests
# that `make test` runs with all features.
CHECKED_FEATURES := auth0 built-in sqlite postgres transfer backfill tenant hook hook,built-in cli serve \
	hook-command cli,sqlite,transfer
comma := ,
of_host = $(subst $(comma),$(comma)ligature-host/,ligature-host/$(1))

features: features-lint features-test

features-lint: target
	$(CARGO) clippy --quiet $(HOST) --lib -- -D warnings
	@$(foreach features,$(CHECKED_FEATURES),echo 'features: $(features)' && \
		$(CARGO) clippy --quiet $(HOST) --lib --bins --features $(call of_host,$(features)) -- -D warnings &&) true

features-test: target
	$(CARGO) test --quiet $(HOST) --lib --test embedding
	$(CARGO) test --quiet $(HOST) --lib --test embedding --features $(call of_host,sqlite)
	$(CARGO) test --quiet $(HOST) --test embedding --features $(call of_host,postgres)
	$(CARGO) test --quiet $(HOST) --lib --features $(call of_host,hook$(comma)built-in)

# Coverage-guided fuzzing on the stable toolchain: the same as `cargo fuzz run decide`
# on nightly, without the sanitizer.
FUZZ_SECONDS ?= 60
# 0 chooses another seed each time.
FUZZ_SEED ?= 0
FUZZ_HOST := $(shell rustc -vV | sed -n 's/^host: //p')
FUZZ_FLAGS := -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
	-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
	-Ccodegen-units=1 --cfg fuzzing

fuzz: target
	RUSTFLAGS='$(FUZZ_FLAGS)' $(CARGO) build --quiet --locked --manifest-path fuzz/Cargo.toml \
		--target $(FUZZ_HOST) --target-dir target/fuzz
	@mkdir -p target/fuzz/artifacts
	target/fuzz/$(FUZZ_HOST)/debug/decide -seed=$(FUZZ_SEED) -max_total_time=$(FUZZ_SECONDS) -timeout=10 \
		-artifact_prefix=target/fuzz/artifacts/ -print_final_stats=1 2>&1 | tail -12

# Invariants I11 to I13 of docs/security.md, and how many states were explored.
game: target
	$(CARGO) test --quiet --locked -p ligature-decision-tests --test game --test small_states -- --nocapture

# A run of a backfill, whose processes are killed. `make test` does it at 25 points.
KILLS ?= 50
kills: target
	LIGATURE_KILLS=$(KILLS) $(CARGO) test --quiet --locked -p ligature-host --test cli_backfill kills_at_random_points

# Logins of the same two accounts at once. `make test` does it 50 times, and CI 100 times.
ROUNDS ?= 1000
races: target
	LIGATURE_RACE_ROUNDS=$(ROUNDS) $(CARGO) test --quiet --locked -p ligature-tests --test directories of_many_logins

# Decides every case with the policy as it is, and after it has read the case's document, and measures
# logins with a policy that has one long list. `make test` does it with three documents, and with
# many long lists at once.
snapshots: target
	LIGATURE_ALL_SNAPSHOTS=1 $(CARGO) test --quiet --locked -p ligature-tests --test sandbox prepared::a_

# cargo-mutants on the rules, and on the host's guard, decisions and links: by hand or
# nightly. MUTANTS='--shard 0/8' tries a part, MUTANTS=--list prints the mutants.
MUTANTS ?=
MUTANTS_OUT = $(TARGET_DIR)/mutants
RULES := plugin/src/rules/*.rs plugin/src/decide.rs plugin/src/situation.rs
GUARD := host/src/guard/*.rs host/src/decide/*.rs \
	$(foreach file,arrival link undo unlink,host/src/directory/$(file).rs)
mutate = $(CARGO) mutants $(MUTANTS) --package $(firstword $(3)) --output $(MUTANTS_OUT)/$(1) $(foreach file,$(2),--file '$(file)') \
	$(foreach package,$(3),--test-package $(package)) -- --locked $(4)

mutants: target
	@$(CARGO) mutants --version || { echo 'install it: cargo install --locked cargo-mutants'; exit 1; }
	@mkdir -p $(MUTANTS_OUT)/rules $(MUTANTS_OUT)/guard
	@status=0; \
	$(call mutate,rules,$(RULES),link-users-by-email ligature-decision-tests,--lib --test cases \
		--test explanations --test foreign_candidates --test invariants --test look_up) || status=$$?; \
	$(call mutate,guard,$(GUARD),ligature-host ligature-decision-tests ligature-tests,--lib \
		--test attacks --test cases --test directories --test double --test overtaken --test policies) || status=$$?; \
	exit $$status

bench: target
	$(CARGO) run --release --quiet --locked --bin ligature -- bench examples/cases/verified-google-login.json

bench-directory: target
	$(CARGO) bench --quiet --locked -p ligature-tests --bench directory

USERS ?= 10000000
# The users in a database; empty for a million at most. DOCS=docs/backfill.md writes the figures into it.
IMPORTED ?=
bench-backfill: target
	$(CARGO) build --release --quiet --locked --bin ligature
	LIGATURE_BENCH_PROGRAM="$(TARGET_DIR)/release/ligature" LIGATURE_BENCH_USERS=$(USERS) \
		LIGATURE_BENCH_IMPORTED=$(IMPORTED) LIGATURE_BENCH_DOCS=$(abspath $(DOCS)) $(CARGO) bench --quiet --locked -p ligature-tests --bench backfill

# DOCS=docs/benchmarks.md writes the figures into it, and the chart beside it.
bench-compare: target
	$(CARGO) build --release --quiet --locked --bin ligature
	LIGATURE_BENCH_PROGRAM="$(TARGET_DIR)/release/ligature" LIGATURE_BENCH_DOCS=$(abspath $(DOCS)) \
		$(CARGO) bench --quiet --locked -p ligature-tests --bench compare

# The load tool starts the program itself.
bench-tenant: target
	$(CARGO) build --release --quiet --locked --bin ligature
	LIGATURE_BENCH_PROGRAM="$(TARGET_DIR)/release/ligature" \
		$(CARGO) bench --quiet --locked -p ligature-tests --bench tenant -- $(FIGURES)

bench-hook: target
	$(CARGO) build --release --quiet --locked --bin ligature
	LIGATURE_BENCH_PROGRAM="$(TARGET_DIR)/release/ligature" \
		$(CARGO) bench --quiet --locked -p ligature-tests --bench hook -- $(FIGURES)

bench-languages: target
	$(CARGO) build --release --quiet --locked --bin ligature
	@sh examples/policies/measure.sh "$(TARGET_DIR)/release/ligature"

figures: target
	$(CARGO) build --release --quiet --locked
	@sh tests/figures.sh "$(TARGET_DIR)/release/ligature"

# Rust plugins that are workspaces of their own.
EXAMPLES := examples/minimal-plugin

lint: target
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy --target $(TARGET) --locked -p link-users-by-email -p ligature-policy -p ligature-evil -p ligature-pinned -p ligature-probe --target-dir target/guest -- -D warnings
	@for example in $(EXAMPLES); do (cd $$example && $(CARGO) fmt --check && \
		$(CARGO) clippy --locked --target-dir "$(CURDIR)/target/guest" -- -D warnings) || exit 1; done
	@if command -v cargo-deny >/dev/null; then $(CARGO) deny --all-features check; \
	else echo 'cargo deny is not installed: licences and advisories were not checked'; fi

docs: target
	LIGATURE_UPDATE_DOCS=1 $(CARGO) test --quiet --locked -p link-users-by-email --lib reason
	LIGATURE_UPDATE_DOCS=1 $(CARGO) test --quiet --locked -p ligature-host --lib reference
	LIGATURE_UPDATE_DOCS=1 $(CARGO) test --quiet --locked -p ligature-host --lib supported

doc: target
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --locked

# rustup does not install the target by itself if automatic installs are off. The
# check takes milliseconds; calling rustup takes longer.
target:
	@test -d "$$(rustc --print sysroot)/lib/rustlib/$(TARGET)/lib" || rustup target add $(TARGET)

clean:
	$(CARGO) clean
