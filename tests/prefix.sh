#!/bin/sh
# SPDX-License-Identifier: MIT
# TAP: configure says when systemd would not look where the units go.
srcdir=$(cd "${SRCDIR:-$(dirname "$0")/..}" && pwd) || exit 1

if ! pkg-config --exists systemd 2>/dev/null; then
	echo "1..0 # SKIP systemd.pc is not installed"
	exit 0
fi
if [ -e "$srcdir/config.status" ]; then
	echo "1..0 # SKIP the source tree itself is configured"
	exit 0
fi
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
n=0

# Configures as told, and looks for the warning and for the unit's directory.
result() { # NAME WARNING UNITDIR OPTION...
	name=$1 warning=$2 units=$3
	shift 3
	n=$((n + 1))
	mkdir "$dir/$n"
	(cd "$dir/$n" && "$srcdir/configure" -q --cache-file="$dir/cache" \
		--without-check "$@") >"$dir/out" 2>&1
	status=$?
	if [ -n "$warning" ]; then
		grep -q "$warning" "$dir/out"
	else
		! grep -q "systemd does not look" "$dir/out"
	fi
	said=$?
	if [ "$status$said" = 00 ] &&
		grep -qxF "systemdsystemunitdir = $units" "$dir/$n/Makefile"; then
		echo "ok $n - $name"
	else
		sed 's/^/# /' "$dir/out"
		grep '^systemdsystemunitdir' "$dir/$n/Makefile" | sed 's/^/# /'
		echo "not ok $n - $name"
	fi
}

echo "1..3"
# shellcheck disable=SC2016 # the dollar is make's
result "the default prefix is one that systemd reads" "" \
	'${prefix}/lib/systemd/system'
# shellcheck disable=SC2016
result "another prefix is warned of, with what to do" \
	'look into /opt/x/lib/systemd/system /opt/x/lib/sysusers.d; .* --with-systemdsystemunitdir=/etc/systemd/system --with-sysusersdir=/etc/sysusers.d' \
	'${prefix}/lib/systemd/system' --prefix=/opt/x
result "and is not, once that is done" "" /etc/systemd/system --prefix=/opt/x \
	--with-systemdsystemunitdir=/etc/systemd/system \
	--with-sysusersdir=/etc/sysusers.d
