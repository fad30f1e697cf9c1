# The two commands of the README, and what CI runs.

TARGET := wasm32-wasip2
CARGO ?= cargo
export RUSTUP_AUTO_INSTALL ?= 0

.PHONY: help demo test bench figures lint doc target clean

help:
	@echo 'make demo     decide one real login and print what happened'
	@echo 'make test     run every test'
	@echo 'make bench    measure how fast logins are decided (release build)'
	@echo 'make figures  print every figure that the notes quote (release build)'
	@echo 'make lint     rustfmt, clippy, cargo deny where it is installed'

demo: target
	@$(CARGO) run --quiet --locked --bin ligature -- run examples/cases/verified-google-login.json

test: target
	$(CARGO) test --workspace --locked

bench: target
	$(CARGO) run --release --quiet --locked --bin ligature -- bench examples/cases/verified-google-login.json

figures: target
	$(CARGO) build --release --quiet --locked
	@sh tests/figures.sh target/release/ligature

lint: target
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy --target $(TARGET) --locked -p link-users-by-email -p minimal-plugin -p evil --target-dir target/guest -- -D warnings
	@if command -v cargo-deny >/dev/null; then $(CARGO) deny --all-features check; \
	else echo 'cargo deny is not installed: licences and advisories were not checked'; fi

doc:
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --locked

# rustup adds nothing by itself where automatic installs are switched off. The
# check costs milliseconds, asking rustup twice does not.
target:
	@test -d "$$(rustc --print sysroot)/lib/rustlib/$(TARGET)/lib" || rustup target add $(TARGET)

clean:
	$(CARGO) clean
