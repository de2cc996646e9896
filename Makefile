# `make run` and `make test` need nothing else done before: they install what is missing on a
# Debian machine with Rust, and say what they install.

.PHONY: run test check bench

# Builds, starts the server, runs one task, keeps serving. Ctrl-C stops it.
run:
	@scripts/run.sh

# Everything: style, lints, documentation, tests on both databases.
test: check
	@scripts/need.sh '/usr/lib/postgresql/*/bin/initdb=postgresql' git=git python3=python3 \
		import:requests=python3-requests curl=curl node=nodejs npm=npm
	npm ci --silent --no-audit --no-fund --ignore-scripts --prefix crates/testkit/oidc
	cargo test --workspace --exclude sigmic-bench --locked

# How fast it is, beside the smallest programs that do the same; see bench/README.md. Some measures
# only: `make bench ONLY="P1 P4"`.
bench:
	@scripts/need.sh cc=gcc /usr/include/stdio.h=libc6-dev taskset=util-linux
	cargo build --release --locked --package sigmic --package sigmic-bench
	target/release/sigmic-bench run target/release/sigmic $(ONLY)

# What needs no run: style, lints, documentation.
check:
	@scripts/need.sh cc=gcc /usr/include/stdio.h=libc6-dev
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked
