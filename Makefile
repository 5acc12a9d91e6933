# `make test` runs every test. It installs what is missing when it may, or says what to install.

# What the tests need beside a Rust toolchain: the command to look for, and its Debian package.
TOOLS := redis-server:redis-server redis-cli:redis-tools python3:python3 /bin/busybox:busybox-static

.PHONY: build test rootfs tools check bench clean

build:
	cargo build --release
	ln -sf redis-server target/release/redis-cli
	ln -sf redis-server target/release/redis-check-aof
	ln -sf redis-server target/release/redis-check-rdb

test: tools
	cargo test
	tests/apps/run.sh
	tests/image/run.sh

# The root file system of the container image, in target/rootfs.
rootfs: tools
	packaging/rootfs.sh target/rootfs

# Format, lints and documentation, warnings denied.
check:
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --no-deps

bench:
	cargo bench

clean:
	cargo clean

# Root on a Debian-like machine gets what is missing; anybody else is told what to install.
tools:
	@missing=''; \
	for tool in $(TOOLS); do \
	  command -v "$${tool%%:*}" >/dev/null 2>&1 || missing="$$missing $${tool##*:}"; \
	done; \
	python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || missing="$$missing python3-venv"; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	    echo "installing$$missing"; \
	    apt-get update -q && \
	      RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
	        apt-get install -q -y --no-install-recommends $$missing; \
	  else \
	    echo "The tests need these packages, please install them:$$missing" >&2; \
	    exit 1; \
	  fi; \
	fi
