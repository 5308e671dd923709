# SPDX-License-Identifier: MIT
# What the benchmarks share; sourced by them. Leaves the shell at the top of the
# source tree, with $daemon, a directory $tmp, and everything ended and removed
# at exit.
# shellcheck shell=bash
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
rounds=5 # odd: the tables show medians
daemon=${MXDETOURD:-build/mxdetourd}
library=$(dirname "$daemon")/libmxdetour.a
port=()

die() {
	echo "bench: $*" >&2
	exit 1
}

[ -x "$daemon" ] || die "no $daemon: run scripts/run -V first"

tmp=$(mktemp -d)
chmod 755 "$tmp"
pids=()
cleanup() {
	set +e # all of it, whatever is gone already
	kill "${pids[@]}" 2>/dev/null
	wait "${pids[@]}" 2>/dev/null
	rm -rf "$tmp"
}
trap cleanup EXIT

# On which machine the figures are had.
about() {
	echo "$(lscpu | sed -n 's/^Model name: *//p'), $(nproc) CPUs," \
		"$(uname -sr), load $(cut -d' ' -f1-3 /proc/loadavg)," \
		"$("$daemon" -V | head -n 1), $(date -u +%F)"
}

median() {
	sort -n | sed -n "$((rounds / 2 + 1))p"
}

# Resident memory of a process, in bytes.
resident() { # PID
	echo $(($(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB$/\1/p' "/proc/$1/status") * 1024))
}

compile() { # NAME [OPTION...]
	cc -O2 -D_GNU_SOURCE -o "$tmp/$1" "bench/$1.c" "${@:2}"
}

# One that drives the memory and the judgement in virtual time, by the scripted
# world of the tests.
compile_driver() { # NAME
	[ -e "$library" ] || die "no $library beside $daemon"
	# shellcheck disable=SC2046
	compile "drive_$1" -std=gnu17 -DMXD_CONF_PATH='"/nonexistent"' -Isrc -Itests \
		tests/fake/fakeworld.c tests/fake/fakeinterfaces.c "$library" \
		$(pkg-config --cflags --libs libevent libcares libconfig libidn2)
}

# ${port[0]} and so on: ports that nobody listens on at this moment.
find_ports() { # COUNT
	mapfile -t port < <(python3 -c '
import socket, sys
s = [socket.socket() for _ in range(int(sys.argv[1]))]
for x in s: x.bind(("127.0.0.1", 0))
for x in s: print(x.getsockname()[1])' "$1")
}

# Any number of domains "dN.gM.bench.test", N any number and M its remainder by
# 4: of two providers each, whose hosts' verdicts start_daemon fixes. Half of
# them is reachable whole, a quarter in part, a quarter not at all.
start_dns() { # PORT
	command -v nsd >/dev/null ||
		die "nsd is missing: scripts/install-deps --tests"
	{
		echo "bench.test. 86400 IN SOA ns.bench.test. root.bench.test. 1 3600 900 86400 300"
		echo "bench.test. 86400 IN NS ns.bench.test."
		echo "ns.bench.test. 86400 IN A 127.0.0.1"
		echo "up.bench.test. 86400 IN A 127.0.1.1"
		echo "down.bench.test. 86400 IN A 127.0.2.1"
		for group in 0 1; do
			echo "*.g$group.bench.test. 86400 IN MX 10 up.bench.test."
		done
		echo "*.g2.bench.test. 86400 IN MX 10 down.bench.test."
		echo "*.g2.bench.test. 86400 IN MX 20 up.bench.test."
		echo "*.g3.bench.test. 86400 IN MX 10 down.bench.test."
	} >"$tmp/zone"
	cat >"$tmp/nsd.conf" <<-EOT
		server:
			ip-address: 127.0.0.1@$1
			username: ""
			chroot: ""
			zonesdir: "$tmp"
			database: ""
			pidfile: "$tmp/nsd.pid"
			xfrdfile: "$tmp/xfrd"
			zonelistfile: "$tmp/zonelist"
			rrl-ratelimit: 0
		remote-control:
			control-enable: no
		zone:
			name: bench.test
			zonefile: zone
	EOT
	nsd -d -c "$tmp/nsd.conf" >"$tmp/nsd.log" 2>&1 &
	pids+=($!)
}

# $daemon_pid: one that asks that DNS, and does not log lookups.
write_conf() { # PORT DNS_PORT [STATE OF 127.0.2.0/24]
	cat >"$tmp/conf" <<-EOT
		log = { to = "stderr"; lookups = "none"; };
		listen = { socketmap = ["inet:127.0.0.1:$1"]; policy = []; };
		dns = { servers = ["127.0.0.1:$2"]; };
		probe = { allow_private = true; protocols = ["ipv4"]; };
		endpoints = (
			{ prefix = "127.0.1.0/24"; state = "reachable"; },
			{ prefix = "127.0.2.0/24"; state = "${3-unreachable}"; } );
		relays = ( { name = "us1"; nexthop = "[127.0.3.1]:587"; probe = "none"; } );
	EOT
}
start_daemon() { # PORT DNS_PORT
	write_conf "$@"
	"$daemon" -c "$tmp/conf" 2>"$tmp/log" &
	daemon_pid=$!
	pids+=("$daemon_pid")
}

# Waits until somebody listens on the port.
wait_for_port() { # PORT
	for _ in {1..300}; do
		if (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
			return
		fi
		sleep 0.1
	done
	die "nobody listens on port $1: $(cat "$tmp/log")"
}

# Has the daemon learn the first DOMAINS, and sees to it that it knows all.
warm() { # PORT DOMAINS
	local unknown
	echo "warming $2 domains" >&2
	while
		unknown=$("$tmp/load" -p "$1" -c 8 -n "$2" -d "$2" -o -m route \
			-x "reason=unknown-yet" | cut -d' ' -f5)
		[ "$unknown" -gt 0 ]
	do
		sleep 1
	done
}
