# `make run` and `make test` do everything on a fresh machine with Rust.

.PHONY: help run test bench
.DEFAULT_GOAL := help

help: ## Say what there is to make.
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(firstword $(MAKEFILE_LIST))

run: ## Build Meridian and start its demo on loopback; Ctrl-C stops it.
	@# Optimised: who sees the demo sends load at it. The first build takes minutes, later ones seconds.
	cargo run --locked --release -- demo

test: ## Install what the tests need where that is permitted, then run them all.
	@bash tests/prerequisites.sh
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	@if cargo nextest --version >/dev/null 2>&1; then \
		set -x; cargo nextest run --locked; \
	else \
		set -x; cargo test --locked --lib --bins --tests; \
	fi
	cargo test --locked --doc
	RUSTDOCFLAGS=-Dwarnings cargo doc --locked --no-deps
	@echo "make test: all passed"

bench: ## Measure: the steps by themselves, the server against its peers, and what probing costs.
	cargo bench --locked --bench compile
	benches/wire/run.py
	cargo bench --locked --bench probe -- run
