#!/usr/bin/env bash
# What the tests need beside Rust: gets what it may, says what is missing and how to get it.
# Nothing here fails the tests: one that lacks something leaves itself out and says so, or, with
# MERIDIAN_REQUIRE_ALL=1, fails.
set -euo pipefail
cd "$(dirname "$0")/.."

# Program, Debian package, what for.
needs=(
	"dig dnsutils queries_from_a_real_client"
	"unbound unbound a_resolver_in_front"
	"ip iproute2 network_namespaces"
	"nginx nginx-light a_regional_load_balancer"
	"haproxy haproxy another_one"
	"chromium chromium a_browser_that_measures_round_trips"
	"setcap libcap2-bin a_program_that_may_listen_at_port_53"
	"nats-server nats-server what_nodes_share"
	"systemd-analyze systemd what_judges_the_units"
	"setpriv util-linux users_and_capabilities_of_containers"
	"python3 python3 web_servers,_the_City_database_and_the_benches"
)

say() { printf 'make test: %s\n' "$*" >&2; }

# Debian installs servers where only root's PATH looks.
has() { PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null; }

missing() {
	local need program package
	for need in "${needs[@]}"; do
		read -r program package _ <<<"$need"
		has "$program" || echo "$package"
	done
}

install() {
	# RUNLEVEL=1 keeps packages from starting servers of their own.
	export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
	say "installing $*"
	{ apt-get update && apt-get install --yes --no-install-recommends "$@"; } >/dev/null ||
		say "apt-get failed; going on without"
}

mapfile -t packages < <(missing)
if ((${#packages[@]})) && [[ $EUID -eq 0 ]] && has apt-get; then
	install "${packages[@]}"
fi
for need in "${needs[@]}"; do
	read -r program package purpose <<<"$need"
	has "$program" ||
		say "\`$program\` is missing (${purpose//_/ }); on Debian: sudo apt-get install $package"
done

if ! cargo nextest --version >/dev/null 2>&1; then
	say "cargo-nextest is missing, cargo test is used; to have it: cargo install --locked cargo-nextest"
fi

# A City database makes the tests of scopes sharper. The Python program knows where to get it.
database="${HOME:-/root}/.cache/meridian/GeoLite2-City.mmdb"
if [[ ! -f $database ]] && has python3; then
	(cd benches/wire && timeout 300 python3 -B -c 'import prerequisites; prerequisites.database()') || true
fi
if [[ ! -f $database ]]; then
	say "no City database at $database: its tests run on the shipped country database only;" \
		"any vendor's City database in MMDB format may be put there"
fi
