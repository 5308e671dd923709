#!/bin/sh
# SPDX-License-Identifier: MIT
# TAP: the C files are formatted as .clang-format says.
cd "${SRCDIR:-$(dirname "$0")/..}" || exit 1

out=$(scripts/format-check 2>&1)
status=$?
case $status in
0)
	echo "1..1"
	echo "ok 1 - formatted as .clang-format says"
	;;
77) echo "1..0 # SKIP clang-format 14 is not installed" ;;
*)
	echo "1..1"
	printf '%s\n' "$out" | sed -n '1,60s/^/# /p'
	echo "not ok 1 - formatted as .clang-format says" \
		"(scripts/format-check --fix)"
	;;
esac
