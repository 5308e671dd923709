#!/bin/sh
# SPDX-License-Identifier: MIT
# Compares the keys that the program knows with its manual page and with the
# configuration files that are installed. TAP.
#
# Finds the sources in $srcdir (default "."), and the program that lists the keys
# in $LIST_CONF_KEYS (default "tests/unit/list_conf_keys").

srcdir=${srcdir:-.}
list=${LIST_CONF_KEYS:-tests/unit/list_conf_keys}
man=$srcdir/man/mxdetour.conf.5
main=$srcdir/conf/mxdetour.conf
providers=$srcdir/conf/providers.conf

LC_ALL=C
export LC_ALL
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
trap 'exit 99' HUP INT TERM

n=0
failed=0

# report NAME: TAP for the test whose complaints are in $tmp/bad.
report() {
	n=$((n + 1))
	if [ -s "$tmp/bad" ]; then
		echo "not ok $n - $1"
		sed 's/^/# /' "$tmp/bad"
		failed=1
	else
		echo "ok $n - $1"
	fi
}

# only_in A B TEXT: complaints about the lines of A that B has not.
only_in() {
	sort -u "$1" > "$tmp/a"
	sort -u "$2" > "$tmp/b"
	comm -23 "$tmp/a" "$tmp/b" | sed "s|\$|: $3|" > "$tmp/bad"
}

# Keys of a libconfig file, those in examples behind a '#' included: a line
# "key = ..." is one, and "key = {" or "key = (" goes on until its bracket closes.
keys_of() {
	awk '
	{ sub(/^[ \t]*#?[ \t]*/, "") }
	/^[a-z][a-z0-9_]* = / {
		name = ""
		for (i = 1; i <= depth; i++)
			if (group[i] != "")
				name = name group[i] "."
		value = $0
		sub(/^[^=]*= /, "", value)
		if (value !~ /^\{$/)
			print name $1
		if (value ~ /^[{(]$/)
			group[++depth] = $1
		next
	}
	/^\{$/ { group[++depth] = "" }
	/^[})][;,]?$/ { depth-- }
	END { if (depth != 0) print "brackets that do not match" }
	' "$1"
}

# Name and value of what a libconfig file sets, each on one line.
values_of() {
	awk '
	/^[ \t]*#/ { next }
	{ sub(/^[ \t]*/, "") }
	/^[a-z][a-z0-9_]* = \{$/ { group = $1 "."; next }
	/^\};$/ { group = ""; next }
	/^[a-z][a-z0-9_]* = .*;$/ {
		value = $0
		sub(/^[^=]*= /, "", value)
		sub(/;$/, "", value)
		if (value == "( )")
			value = "()"
		print group $1 "\t" value
	}
	' "$1"
}

# What the installed file has otherwise than the program, on purpose: to begin
# without risk, and to steer without touching policies by domain.
cat > "$tmp/on-purpose" <<'EOT'
direct.steer	"dnsfilter"
mode	"observe"
EOT

# Name, default, "no-effect" or "-", and what is allowed, as the page says it.
manual_of() {
	awk '
	function flush() {
		if (key != "")
			print key "\t" dflt "\t" effect "\t" must
		key = ""
	}
	/^\.(It|El|Sh|Ss)/ { flush() }
	/^\.It Cm [a-z_0-9]+(\.[a-z_0-9]+)*$/ {
		key = $3; dflt = "?"; must = "?"; effect = "-"
	}
	key == "" { next }
	/^Must be .*\.$/ {
		must = substr($0, 9, length($0) - 9)
		gsub(/\\e/, "\\", must)
	}
	/^Default: .*\.$/ { dflt = substr($0, 10, length($0) - 10) }
	/^No default: it must be given\.$/ { dflt = "-" }
	/^No effect in this version\.$/ { effect = "no-effect" }
	END { flush() }
	' "$1"
}

echo 1..8
if ! "$list" > "$tmp/known"; then
	echo "Bail out! $list does not run"
	exit 99
fi
cut -f 1 "$tmp/known" > "$tmp/names"
manual_of "$man" > "$tmp/manual"
cut -f 1 "$tmp/manual" > "$tmp/manual.names"

only_in "$tmp/names" "$tmp/manual.names" "not in the manual page"
[ -s "$tmp/names" ] || echo "no keys at all" > "$tmp/bad"
report "every key is in the manual page"

only_in "$tmp/manual.names" "$tmp/names" "unknown to the program"
sort "$tmp/manual.names" | uniq -d | sed 's/$/: twice/' >> "$tmp/bad"
report "the manual page has no other keys, and none twice"

only_in "$tmp/known" "$tmp/manual" "the manual page says otherwise"
report "the manual page has the ranges, the defaults and what has no effect"

keys_of "$main" > "$tmp/main"
keys_of "$providers" > "$tmp/providers"
grep -v '^providers' "$tmp/names" > "$tmp/names.main"
grep '^providers' "$tmp/names" > "$tmp/names.providers"

only_in "$tmp/names.main" "$tmp/main" "not in mxdetour.conf"
report "every key is in mxdetour.conf"

only_in "$tmp/main" "$tmp/names.main" "unknown to the program"
report "mxdetour.conf has no other keys"

cut -f 1,2 "$tmp/known" | sort > "$tmp/defaults"
values_of "$main" | sort > "$tmp/values"
comm -23 "$tmp/values" "$tmp/defaults" > "$tmp/differ"
diff "$tmp/on-purpose" "$tmp/differ" > "$tmp/bad"
# All keys outside of lists were looked at, or the above says nothing.
grep -v -e '^providers' -e '^relays\.' -e '^rules\.' -e '^endpoints\.' \
	-e '^hooks\.' -e '^policy\.senders\.' "$tmp/names" > "$tmp/names.plain"
cut -f 1 "$tmp/values" | sort -u > "$tmp/names.set"
sort -u "$tmp/names.plain" | comm -23 - "$tmp/names.set" |
	sed 's/$/: not set in mxdetour.conf/' >> "$tmp/bad"
report "mxdetour.conf has the defaults but for mode and direct.steer"

{
	only_in "$tmp/names.providers" "$tmp/providers" "not in providers.conf"
	cp "$tmp/bad" "$tmp/bad.1"
	only_in "$tmp/providers" "$tmp/names.providers" "unknown to the program"
	cat "$tmp/bad.1" >> "$tmp/bad"
}
report "providers.conf has its keys and no others"

if command -v mandoc > /dev/null 2>&1; then
	mandoc -T lint -W warning "$man" > "$tmp/bad" 2>&1
	report "mandoc finds no fault with the manual page"
else
	n=$((n + 1))
	echo "ok $n - mandoc # SKIP not installed"
fi

exit $failed
