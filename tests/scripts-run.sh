#!/bin/sh
# SPDX-License-Identifier: MIT
# TAP: what scripts/run starts, and as whom it says so. Nothing is built: the tree
# around the script is one of stubs.
cd "${SRCDIR:-$(dirname "$0")/..}" || exit 1

tree=$(mktemp -d) || exit 1
trap 'rm -rf "$tree"' EXIT
mkdir "$tree/scripts" "$tree/build"
cp scripts/run "$tree/scripts/run"
printf '#!/bin/sh\n' >"$tree/scripts/install-deps"
printf '#!/bin/sh\nprintf "[%%s]" "$@"\n' >"$tree/build/mxdetourd"
printf 'mxdetourd:\n' >"$tree/build/Makefile"
touch "$tree/configure"
chmod 755 "$tree/scripts/install-deps" "$tree/build/mxdetourd"
here=$(cd "$tree" && pwd -P)

# In `make check` our make is not a part of that one.
unset MAKEFLAGS MFLAGS MAKELEVEL

echo 1..4
n=0
failed=0

# report NAME: the command before it decides.
report() {
	status=$?
	n=$((n + 1))
	if [ "$status" -eq 0 ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		sed 's/^/# /' "$tree/out" "$tree/err"
		failed=1
	fi
}

# run ARG...: standard output and standard error of scripts/run.
run() {
	"$tree/scripts/run" "$@" >"$tree/out" 2>"$tree/err"
}

run -v && [ "$(cat "$tree/out")" = "[-c][$here/build/run/mxdetour.conf][-v]" ]
report "without -c it is a file in the build directory"

if [ "$(id -u)" -eq 0 ]; then
	! grep -q unix: "$tree/build/run/mxdetour.conf"
else
	grep -q "unix:$here/build/run/socketmap" "$tree/build/run/mxdetour.conf"
fi
report "so is the unix socket; root, who may not make it there, has none"

if [ "$(id -u)" -eq 0 ]; then
	grep -q 'runs as root' "$tree/err" && run -c some.conf &&
		grep -q 'runs as root' "$tree/err"
else
	! grep -q root "$tree/err"
fi
report "that the daemon runs as root is said"

run -c some.conf -t && [ "$(cat "$tree/out")" = "[-c][some.conf][-t]" ] &&
	! [ -s "$tree/err" ]
report "who only asks for something gets that, and no more"

exit $failed
