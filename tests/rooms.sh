#!/bin/sh
# SPDX-License-Identifier: MIT
# TAP: the rooms below src/ include only what docs/architecture.md allows, each
# foreign library stays in its rooms, and the makefiles list every file.
cd "${SRCDIR:-$(dirname "$0")/..}" || exit 1
n=0

# Reports one test: good when there is no complaint.
result() { # NAME COMPLAINTS
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n - $1"
	else
		printf '%s\n' "$2" | sed 's/^/# /'
		echo "not ok $n - $1"
	fi
}

# Every include below src/, as "FILE:LINE ROOM NAME": NAME with its quotes or
# brackets.
# shellcheck disable=SC2016 # the dollars are awk's
includes=$(find src -name '*.[ch]' | sort | xargs awk '
	/^[ \t]*#[ \t]*include/ {
		room = FILENAME
		sub(/^src\//, "", room)
		sub(/\/.*/, "", room)
		name = $0
		sub(/^[ \t]*#[ \t]*include[ \t]*/, "", name)
		sub(/[ \t].*/, "", name)
		print FILENAME ":" FNR, room, name
	}')

# Room and the rooms that it may include besides itself. Arrows only point up.
table='base
conf base
proto base
reach base
route base conf reach
dns base reach
probe base proto reach
serve base proto
daemon base conf proto reach route dns probe serve
milter base conf proto'

result "every room is in the table" "$(
	for dir in src/*/; do
		room=${dir#src/}
		printf '%s\n' "$table" | grep -q "^${room%/}\( \|\$\)" ||
			echo "$dir is not in the table of tests/rooms.sh"
	done
	find src -maxdepth 1 -name '*.[ch]' | sed 's/$/ is in no room/'
)"

while read -r room allowed; do
	result "src/$room includes only ${allowed:-itself}" "$(
		printf '%s\n' "$includes" |
			awk -v room="$room" -v allowed="$room $allowed" '
			BEGIN {
				k = split(allowed, a, " ")
				for (i = 1; i <= k; i++)
					may[a[i]] = 1
			}
			$2 == room && $3 ~ /^"/ {
				name = $3
				gsub(/"/, "", name)
				if (name !~ /\//)
					print $1 ": no room in " $3
				sub(/\/.*/, "", name)
				if (!(name in may))
					print $1 ": may not include " $3
			}'
	)"
done <<EOT
$table
EOT

# A foreign library's header, as a pattern, and the rooms that may include it.
while read -r header rooms; do
	result "<$header> stays in ${rooms:-no room at all}" "$(
		printf '%s\n' "$includes" |
			awk -v header="$header" -v rooms=" $rooms " '
			$3 ~ "^[<\"]" header && !index(rooms, " " $2 " ") {
				print $1 ": " $3
			}'
	)"
done <<'EOT'
event2/ dns probe serve daemon
event\.h
ares dns
libconfig\.h conf
idn2\.h base
sqlite3\.h
libmilter/ milter
EOT

# The memory and the judgement are told what happens and what time it is.
result "the judge does no I/O, reads no clock, logs nothing" "$(
	printf '%s\n' "$includes" | awk '
		($2 == "reach" || $2 == "route") &&
		$3 ~ /^(["]base\/(log|clock)\.h|<(time|unistd|fcntl|poll|netdb|syslog|pthread|signal|sys\/(time|random|select|epoll|un|stat))\.h)/ {
			print $1 ": " $3
		}'
)"

result "every file includes its own header first" "$(
	find src -name '*.c' | sort | while read -r file; do
		header=${file#src/}
		header=${header%.c}.h
		[ -e "src/$header" ] || continue
		first=$(grep -m 1 '^#include' "$file")
		[ "$first" = "#include \"$header\"" ] ||
			echo "$file: begins with $first"
	done
)"

result "config.h comes from the build" "$(
	find src tests -name '*.[ch]' -exec grep -n \
		-e '#.*include.*config\.h[">]' -e '#.*define _GNU_SOURCE' {} + |
		grep -v '<libconfig\.h>'
)"

result "every C file begins with its licence and its purpose" "$(
	find src tests bench -name '*.[ch]' 2>/dev/null | sort |
		while read -r file; do
			sed -n '1p' "$file" |
				grep -qx '// SPDX-License-Identifier: MIT' ||
				echo "$file: line 1 is no SPDX line"
			sed -n '2p' "$file" | grep -q '^// [^ ]' ||
				echo "$file: line 2 does not say the purpose"
		done
)"

# Members of an archive have no directory: of two, one would be lost. And the
# stem is the prefix of the names within.
result "no two files of the library have the same name" "$(
	find src -name '*.c' ! -name main.c | sed 's|.*/||' | sort | uniq -d
)"

# make has rules of its own: a script would be built anew from them.
result "no script has the name of a program" "$(
	find bench scripts -type f ! -name '*.*' | while read -r file; do
		for source in "$file.c" "$file.sh"; do
			[ ! -e "$source" ] || echo "$source would make $file"
		done
	done
)"

# Whether a makefile names every file that a find(1) expression gives.
listed() { # MAKEFILE PATH EXPRESSION...
	makefile=$1
	shift
	find "$@" 2>/dev/null | sort | while read -r file; do
		word=$file
		case $file in tests/unit/test_*.c) word=${file%.c} ;; esac
		awk -v word="$word" '
			{ for (i = 1; i <= NF; i++) if ($i == word) found = 1 }
			END { exit !found }' "$makefile" ||
			echo "$file is not in $makefile"
	done
}
result "Makefile.am lists every source" \
	"$(listed Makefile.am src -name '*.[ch]')"
result "Makefile.am lists every script" \
	"$(listed Makefile.am bench scripts .ci -type f)"
result "Makefile.am lists every unit" \
	"$(listed Makefile.am systemd -type f ! -name '*.service')"
result "Makefile.am lists every page" \
	"$(listed Makefile.am man conf docs -type f)"
result "tests/local.mk lists every test" "$(
	listed tests/local.mk tests -name '*.[ch]'
	listed tests/local.mk tests -maxdepth 1 -name '*.sh'
	listed tests/local.mk tests/e2e tests/lab tests/milter \
		tests/systemd -type f \
		! -path '*/__pycache__/*' ! -name '*.log' ! -name '*.trs'
)"

result "every fuzzer has its corpus and its dictionary" "$(
	find tests/fuzz -name 'fuzz_*.c' ! -name '*_check.c' | sort |
		while read -r file; do
			name=${file##*/fuzz_}
			name=${name%.c}
			grep -q "fuzz_$name \\\\\$\|fuzz_$name\$" \
				tests/local.mk ||
				echo "$file is not among the fuzzers"
			listed tests/local.mk "tests/fuzz/$name.dict"
			for part in "corpus/$name" "$name.dict"; do
				[ -s "tests/fuzz/$part" ] ||
					echo "tests/fuzz/$part is missing"
			done
		done
)"

echo "1..$n"
