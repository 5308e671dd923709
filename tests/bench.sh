#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# TAP: the programs of the benchmarks compile and link, each as its benchmark
# has it. They use what is internal, and nothing else builds them.
[ -n "$BASH_VERSION" ] || exec bash "$0"
cd "${SRCDIR:-$(dirname "$0")/..}" || exit 1

. bench/common.sh
# shellcheck disable=SC2154 # common.sh has it
if nm "$library" 2>/dev/null | grep -q -e __asan_init -e __sanitizer_cov; then
	echo "1..0 # SKIP the library is instrumented"
	exit 0
fi

left_out='()'
[ -n "$MXDETOUR_MILTER" ] || left_out=-lmilter # configured without it
mapfile -t commands < <(grep -h '^compile' bench/* | sort -u |
	grep -v -e '()' -e "$left_out")
echo "1..$((${#commands[@]} + 1))"
[ ${#commands[@]} -gt 0 ] || echo -n "not "
echo "ok 1 - the benchmarks compile something"
n=1
for command in "${commands[@]}"; do
	n=$((n + 1))
	out=$(eval "$command" 2>&1) || {
		printf '%s\n' "$out" | sed -n '1,40s/^/# /p'
		echo -n "not "
	}
	echo "ok $n - $command"
done
