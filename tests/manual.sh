#!/bin/sh
# SPDX-License-Identifier: MIT
# TAP: mandoc finds nothing to warn of in the manual pages.
cd "${SRCDIR:-$(dirname "$0")/..}" || exit 1

if ! command -v mandoc >/dev/null; then
	echo "1..0 # SKIP mandoc is not installed"
	exit 0
fi

n=0
for page in man/*.[1-9]; do
	n=$((n + 1))
	if out=$(mandoc -T lint -W warning "$page" 2>&1); then
		echo "ok $n - $page"
	else
		printf '%s\n' "$out" | sed 's/^/# /'
		echo "not ok $n - $page"
	fi
done
echo "1..$n"
