// SPDX-License-Identifier: MIT
// Domain names as the project compares them: lower-case A-labels.
#include "base/dname.h"

#include "base/attr.h"

#include <idn2.h>
#include <stdint.h>
#include <string.h>

enum {
	LABEL_MAX = 63, // RFC 1035 section 2.3.4
	// Four bytes of UTF-8 for each byte of the longest name, and its dot:
	// what is longer is not looked at.
	UTF8_MAX = 4 * (DNAME_MAX + 1),
};

#define SAME(c) [c] = (c)
#define FOLD(c) [c] = (c), [(c) - 'a' + 'A'] = (c)

// byte => the byte that stands for it in a folded name; 0: not allowed in one.
static const char folded[256] = {
    SAME('.'),
    SAME('-'),
    SAME('_'),
    SAME('0'),
    SAME('1'),
    SAME('2'),
    SAME('3'),
    SAME('4'),
    SAME('5'),
    SAME('6'),
    SAME('7'),
    SAME('8'),
    SAME('9'),
    FOLD('a'),
    FOLD('b'),
    FOLD('c'),
    FOLD('d'),
    FOLD('e'),
    FOLD('f'),
    FOLD('g'),
    FOLD('h'),
    FOLD('i'),
    FOLD('j'),
    FOLD('k'),
    FOLD('l'),
    FOLD('m'),
    FOLD('n'),
    FOLD('o'),
    FOLD('p'),
    FOLD('q'),
    FOLD('r'),
    FOLD('s'),
    FOLD('t'),
    FOLD('u'),
    FOLD('v'),
    FOLD('w'),
    FOLD('x'),
    FOLD('y'),
    FOLD('z'),
};

#undef SAME
#undef FOLD

static bool
is_label(const char *label, size_t len)
{
	return len >= 1 && len <= LABEL_MAX && label[0] != '-' &&
	       label[len - 1] != '-';
}

static bool
is_number(const char *label, size_t len)
{
	size_t i = 0;
	while (i < len && label[i] >= '0' && label[i] <= '9')
		i++;
	return i == len;
}

enum kind {
	KIND_DOMAIN, // two labels at least
	KIND_HOST,
	KIND_MX, // a host as the MTA takes it from an MX record
};

// The first label is the asterisk.
static bool
is_wildcard(const char *src, size_t len)
{
	return len > 0 && src[0] == '*' && (len == 1 || src[1] == '.');
}

// One pass over a name that should be ASCII. Returns its length, or -1.
static int
fold_ascii(const char *src, size_t len, char *out, enum kind kind)
{
	if (len > 0 && src[len - 1] == '.')
		len--;
	if (len > DNAME_MAX)
		return -1;
	size_t start = 0; // of the current label
	bool one_label = true;
	size_t i = 0;
	if (kind == KIND_MX && is_wildcard(src, len))
		out[i++] = '*';
	for (; i < len; i++) {
		char c = folded[(unsigned char)src[i]];
		if (c == '\0')
			return -1;
		out[i] = c;
		if (c != '.')
			continue;
		if (!is_label(out + start, i - start))
			return -1;
		start = i + 1;
		one_label = false;
	}
	if (!is_label(out + start, len - start) ||
	    (kind == KIND_DOMAIN && one_label))
		return -1;
	out[len] = '\0';
	// A last label of digits is a mistyped IPv4 address (RFC 1123 section
	// 2.1); who resolves MX hosts only minds when all labels are.
	if (is_number(out + start, len - start) &&
	    (kind != KIND_MX || strspn(out, "0123456789.") == len))
		return -1;
	return (int)len;
}

// True when the name may have U-labels: bytes above ASCII, and no ASCII that a
// name cannot hold (among it NUL, '@' and '<', which the mapping could hide in
// another character).
static bool
is_utf8_candidate(const char *src, size_t len)
{
	if (len > UTF8_MAX)
		return false;
	bool high = false;
	for (size_t i = 0; i < len; i++) {
		unsigned char u = (unsigned char)src[i];
		if (u >= 0x80)
			high = true;
		else if (folded[u] == '\0')
			return false;
	}
	return high;
}

// IDNA2003 and IDNA2008 read these in two ways (UTS 46 section 7): sharp s, the
// final sigma, and the two joiners.
static bool
has_deviation(const char *src, size_t len)
{
	static const char *const characters[] = {
	    "\u00df", "\u03c2", "\u200c", "\u200d"};
	for (size_t i = 0; i < ARRAY_LEN(characters); i++)
		if (memmem(src, len, characters[i], strlen(characters[i])) !=
		    NULL)
			return true;
	return false;
}

// The A-labels that Postfix asks the DNS for: UTS 46 without transition. That
// takes symbols and emoji, which people do register and IDNA2008 does not;
// libidn2 lets them pass in transitional processing only, which gives other
// names the same A-labels except for those characters.
static int
to_ascii(const uint8_t *utf8, size_t len, uint8_t **ascii)
{
	int result = idn2_lookup_u8(utf8, ascii, IDN2_NONTRANSITIONAL);
	if (result == IDN2_DISALLOWED &&
	    !has_deviation((const char *)utf8, len))
		result = idn2_lookup_u8(utf8, ascii, IDN2_TRANSITIONAL);
	return result;
}

// The way of the rare name: libidn2 maps and encodes it, and what it gives must
// pass as any ASCII name does.
static int
fold_idna(const char *src, size_t len, char *out, enum kind kind)
{
	uint8_t utf8[UTF8_MAX + 1];
	memcpy(utf8, src, len);
	utf8[len] = '\0';
	uint8_t *ascii = NULL;
	if (to_ascii(utf8, len, &ascii) != IDN2_OK)
		return -1;
	const char *text = (const char *)ascii;
	int n = fold_ascii(text, strlen(text), out, kind);
	idn2_free(ascii);
	return n;
}

static int
fold(const char *src, size_t len, char *out, enum kind kind)
{
	int n = fold_ascii(src, len, out, kind);
	if (n < 0 && is_utf8_candidate(src, len))
		n = fold_idna(src, len, out, kind);
	if (n < 0)
		out[0] = '\0';
	return n;
}

int
dname_fold(const char *src, size_t len, char out[DNAME_SIZE])
{
	return fold(src, len, out, KIND_DOMAIN);
}

int
dname_fold_host(const char *src, size_t len, char out[DNAME_SIZE])
{
	return fold(src, len, out, KIND_HOST);
}

int
dname_fold_mx(const char *src, size_t len, char out[DNAME_SIZE])
{
	return fold(src, len, out, KIND_MX);
}

int
dname_of_address(const char *key, size_t len, char out[DNAME_SIZE])
{
	const char *at = memrchr(key, '@', len);
	if (at != NULL) {
		len -= (size_t)(at + 1 - key);
		key = at + 1;
	}
	// The bracket of an address literal is in no name.
	return dname_fold(key, len, out);
}

bool
dname_pattern_fold(const char *src, char out[DNAME_SIZE + 2])
{
	if (strcmp(src, "*") == 0) {
		out[0] = '*';
		out[1] = '\0';
		return true;
	}
	size_t prefix = strncmp(src, "*.", 2) == 0 ? 2 : 0;
	memmove(out, src, prefix); // `src` may be `out`
	src += prefix;
	// A suffix can be one label ("*.cn"), and so can the name of an MX.
	return dname_fold_host(src, strlen(src), out + prefix) >= 0;
}

bool
dname_match(const char *pattern, const char *name)
{
	if (pattern[0] != '*')
		return strcmp(pattern, name) == 0;
	// ".suffix": its dot keeps the match on a label's boundary.
	const char *suffix = pattern + 1;
	size_t suffix_len = strlen(suffix);
	size_t name_len = strlen(name);
	return name_len > suffix_len &&
	       memcmp(name + name_len - suffix_len, suffix, suffix_len) == 0;
}
