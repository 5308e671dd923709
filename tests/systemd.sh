#!/bin/sh
# SPDX-License-Identifier: MIT
# TAP: systemd understands the units as they are installed. What they do is tried
# by tests/systemd/run.py.
srcdir=$(cd "${SRCDIR:-$(dirname "$0")/..}" && pwd) || exit 1

version=$(systemd-analyze --version 2>/dev/null | awk 'NR == 1 { print $2 }')
if [ "${version%%[!0-9]*}" -ge 250 ] 2>/dev/null; then
	:
else
	echo "1..0 # SKIP systemd-analyze 250 or later is not installed"
	exit 0
fi
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM

# systemd-analyze wants the program to be there, and to be executable: any
# will do.
for unit in "$srcdir"/systemd/*.socket "$srcdir"/systemd/*.timer \
	"$srcdir"/systemd/*.service.in; do
	name=${unit##*/}
	sed 's|@sbindir@/mxdetour[a-z-]*|/bin/true|' "$unit" >"$dir/${name%.in}"
done

echo "1..5"
# Only the units given are looked at besides systemd's own: a broken unit of
# the machine is not our failure.
out=$(SYSTEMD_UNIT_PATH="$dir:/usr/lib/systemd/system:/lib/systemd/system" \
	systemd-analyze verify --man=no --recursive-errors=no "$dir"/mxdetour* 2>&1)
status=$?
printf '%s' "$out" | sed 's/^/# /'
if [ "$status" -eq 0 ] && ! printf '%s' "$out" | grep -q mxdetour; then
	echo "ok 1 - the units"
else
	echo "not ok 1 - the units"
fi

# What a service may still do, from 0 (nothing) to 10 (everything).
n=1
for service in mxdetour mxdetour-milter; do
	n=$((n + 1))
	exposure=$(systemd-analyze security --no-pager --offline=yes \
		--threshold=20 "$dir/$service.service" 2>&1)
	status=$?
	printf '%s\n' "$exposure" | tail -n 1 | sed 's/^/# /'
	if [ "$status" -eq 0 ]; then
		echo "ok $n - exposure of $service"
	else
		printf '%s\n' "$exposure" | sed 's/^/# /'
		echo "not ok $n - exposure of $service above 2.0"
	fi
done

# --root keeps it off this machine's own files.
mkdir -p "$dir/root/etc"
if out=$(systemd-sysusers --root="$dir/root" \
	"$srcdir/systemd/sysusers.d/mxdetour.conf" 2>&1) &&
	id=$(awk -F: '$1 == "mxdetour" { print $3 ":" $4 }' \
		"$dir/root/etc/passwd") && [ -n "$id" ]; then
	echo "ok 4 - the user"
else
	printf '%s\n' "$out" | sed 's/^/# /'
	echo "not ok 4 - the user"
fi

# Both lines, in this order: a failing one ends the reload.
what="5 - a reload checks the configuration first"
out=$(sed -n 's/^ExecReload=//p' "$srcdir/systemd/mxdetour.service.in")
# shellcheck disable=SC2016 # the dollar is systemd's
if [ "$out" = '@sbindir@/mxdetourd -t
/bin/kill -HUP $MAINPID' ]; then
	echo "ok $what"
else
	printf '%s\n' "$out" | sed 's/^/# /'
	echo "not ok $what"
fi
