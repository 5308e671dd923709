// SPDX-License-Identifier: MIT
// Fuzzes DNS messages as answers to MX, A and AAAA questions.
#include "base/mem.h"
#include "dns/wire.h"
#include "fuzz/fuzz.h"

#include <arpa/nameser.h>
#include <resolv.h>
#include <string.h>

enum {
	GOAL_MX,
	GOAL_NULL_MX,
	GOAL_ADDRESS,
	GOAL_MORE,
	GOAL_A,
	GOAL_AAAA,
	GOAL_ALIAS,
	GOAL_NODATA,
	GOAL_NXDOMAIN,
	GOAL_SERVFAIL,
	GOAL_REFUSED,
	GOAL_UNREADABLE,
	GOAL_EDNS_SPOKEN,
	GOAL_EDNS_DENIED,
};
struct fuzz_goal fuzz_goals[] = {
    [GOAL_MX] = {"an MX", 0},
    [GOAL_NULL_MX] = {"a null MX", 0},
    [GOAL_ADDRESS] = {"an MX that is an address", 0},
    [GOAL_MORE] = {"more than is kept", 0},
    [GOAL_A] = {"an A", 0},
    [GOAL_AAAA] = {"an AAAA", 0},
    [GOAL_ALIAS] = {"an alias", 0},
    [GOAL_NODATA] = {"NODATA", 0},
    [GOAL_NXDOMAIN] = {"NXDOMAIN", 0},
    [GOAL_SERVFAIL] = {"SERVFAIL", 0},
    [GOAL_REFUSED] = {"REFUSED", 0},
    [GOAL_UNREADABLE] = {"an unreadable one", 0},
    [GOAL_EDNS_SPOKEN] = {"a server that can do EDNS", 0},
    [GOAL_EDNS_DENIED] = {"a server that cannot do EDNS", 0},
    {NULL, 0},
};

enum { FLAGS = 0x8180 }; // QR, RD, RA

// A message that is written.
struct writer {
	unsigned char bytes[NS_MAXMSG];
	size_t len;
};

static void
put(struct writer *w, const void *bytes, size_t len)
{
	mxd_assert(w->len + len <= sizeof(w->bytes));
	memcpy(w->bytes + w->len, bytes, len);
	w->len += len;
}

static void
put16(struct writer *w, unsigned value)
{
	unsigned char b[2] = {(unsigned char)(value >> 8), value & 0xff};
	put(w, b, sizeof(b));
}

// A folded name has no escapes and no empty label.
static void
put_name(struct writer *w, const char *name)
{
	while (*name != '\0') {
		size_t n = strcspn(name, ".");
		unsigned char label = (unsigned char)n;
		put(w, &label, 1);
		put(w, name, n);
		name += n + (name[n] == '.');
	}
	put(w, "", 1);
}

static void
put_question(struct writer *w, const char *name, unsigned type, unsigned n)
{
	w->len = 0;
	put16(w, 0x1234);
	put16(w, FLAGS);
	put16(w, 1);
	put16(w, n);
	put16(w, 0);
	put16(w, 0);
	put_name(w, name);
	put16(w, type);
	put16(w, ns_c_in);
}

static void
put_record(struct writer *w, const char *owner, unsigned type, uint32_t ttl_s,
    size_t len)
{
	put_name(w, owner);
	put16(w, type);
	put16(w, ns_c_in);
	put16(w, ttl_s >> 16);
	put16(w, ttl_s & 0xffff);
	put16(w, (unsigned)len);
}

static void
check_is_folded(const char *host)
{
	char again[DNAME_SIZE];
	size_t len = strnlen(host, DNAME_SIZE);
	mxd_assert(dname_fold_mx(host, len, again) == (int)len);
	mxd_assert(strcmp(host, again) == 0);
}

// A name, or an address in the one form that the memory knows it by.
static void
check_is_host(const char *host)
{
	struct netaddr a, again;
	char text[NETADDR_TEXT_MAX];
	if (!netaddr_parse(host, &a)) {
		check_is_folded(host);
		mxd_assert(!netaddr_parse_mx(host, &again));
		return;
	}
	mxd_assert(strcmp(netaddr_format(&a, text), host) == 0);
	mxd_assert(netaddr_parse_mx(host, &again) && netaddr_equal(&a, &again));
	fuzz_reach(GOAL_ADDRESS);
}

static void
reach_outcome(enum answer_outcome outcome)
{
	switch (outcome) {
	case ANSWER_NODATA:
		fuzz_reach(GOAL_NODATA);
		return;
	case ANSWER_NXDOMAIN:
		fuzz_reach(GOAL_NXDOMAIN);
		return;
	case ANSWER_SERVFAIL:
		fuzz_reach(GOAL_SERVFAIL);
		return;
	case ANSWER_REFUSED:
		fuzz_reach(GOAL_REFUSED);
		return;
	case ANSWER_UNREADABLE:
		fuzz_reach(GOAL_UNREADABLE);
		return;
	case ANSWER_OK:
		return;
	case ANSWER_TIMEOUT:
	case ANSWER_LOCAL:
		break;
	}
	mxd_assert(!"no message says so");
}

// A none that is believed stands in an answer section without any records but
// those of aliases.
static void
check_none(enum answer_outcome outcome, const unsigned char *msg, size_t len)
{
	ns_msg m;
	ns_rr rr;

	if (outcome != ANSWER_NODATA && outcome != ANSWER_NXDOMAIN)
		return;
	mxd_assert(ns_initparse(msg, (int)len, &m) == 0);
	unsigned aliases = 0, others = 0;
	for (int i = 0; i < ns_msg_count(m, ns_s_an); i++) {
		mxd_assert(ns_parserr(&m, ns_s_an, i, &rr) == 0);
		mxd_assert(ns_rr_class(rr) == ns_c_in);
		if (ns_rr_type(rr) == ns_t_cname) {
			aliases++;
			continue;
		}
		mxd_assert(ns_rr_type(rr) == ns_t_dname ||
			   ns_rr_type(rr) == ns_t_rrsig);
		others++;
	}
	mxd_assert(aliases <= WIRE_ALIAS_MAX && (aliases > 0 || others == 0));
}

// By preference, then by name; no host twice; all folded.
static void
check_mx_order(const struct answer_mx *a)
{
	for (unsigned i = 0; i < a->n; i++) {
		check_is_host(a->mx[i].host);
		for (unsigned j = 0; j < i; j++)
			mxd_assert(strcmp(a->mx[i].host, a->mx[j].host) != 0);
		if (i == 0)
			continue;
		const struct answer_mx_host *x = &a->mx[i - 1], *y = &a->mx[i];
		mxd_assert(x->preference <= y->preference);
		mxd_assert(x->preference < y->preference ||
			   strcmp(x->host, y->host) < 0);
	}
}

// Written as a message again, last record first, it is read as the same.
static void
check_mx_again(const char *name, const struct answer_mx *a)
{
	struct writer *w = xcalloc(1, sizeof(*w));
	struct answer_mx again;
	put_question(w, name, ns_t_mx, a->n);
	for (unsigned i = a->n; i-- > 0;) {
		const char *host = a->mx[i].host;
		put_record(w, name, ns_t_mx, a->ttl_s, 2 + strlen(host) + 2);
		put16(w, a->mx[i].preference);
		put_name(w, host);
	}
	wire_decode_mx(name, w->bytes, w->len, &again);
	mxd_assert(!again.more);
	again.more = a->more; // those that are not kept are not in it
	mxd_assert(memcmp(a, &again, sizeof(again)) == 0);
	free(w);
}

static void
check_mx(const char *name, const unsigned char *msg, size_t len)
{
	struct answer_mx a, cut;
	wire_decode_mx(name, msg, len, &a);
	reach_outcome(a.outcome);
	check_none(a.outcome, msg, len);
	mxd_assert(a.n <= ANSWER_MX_MAX && a.ttl_s <= INT32_MAX);
	mxd_assert(!a.null_mx || a.n == 0);
	mxd_assert(!a.more || a.n == ANSWER_MX_MAX);
	if (a.outcome != ANSWER_OK) {
		mxd_assert(a.n == 0 && !a.null_mx && a.ttl_s == 0);
	} else if (a.n > 0) {
		check_mx_order(&a);
		check_mx_again(name, &a);
		fuzz_reach(GOAL_MX);
	}
	if (a.null_mx)
		fuzz_reach(GOAL_NULL_MX);
	if (a.outcome == ANSWER_UNREADABLE)
		return;
	// A message that lost its end is never taken for a whole one.
	for (size_t i = 0; i < len; i += 1 + len / 16) {
		char *part = exact_copy((const char *)msg, i);
		wire_decode_mx(name, (const unsigned char *)part, i, &cut);
		mxd_assert(cut.outcome == ANSWER_UNREADABLE);
		free(part);
	}
}

static void
check_addr_again(const char *name, int family, const struct answer_addr *a)
{
	struct writer *w = xcalloc(1, sizeof(*w));
	struct answer_addr again;
	unsigned type = family == AF_INET ? ns_t_a : ns_t_aaaa;
	size_t size = family == AF_INET ? 4 : 16;
	bool alias = a->canonical[0] != '\0';
	put_question(w, name, type, a->n + alias);
	for (unsigned i = 0; i < a->n; i++) {
		put_record(
		    w, alias ? a->canonical : name, type, a->ttl_s, size);
		put(w, a->addr[i].ip, size);
	}
	if (alias) { // the order of records is free
		put_record(
		    w, name, ns_t_cname, a->ttl_s, strlen(a->canonical) + 2);
		put_name(w, a->canonical);
	}
	wire_decode_addr(name, family, w->bytes, w->len, &again);
	mxd_assert(!again.more);
	again.more = a->more; // those that are not kept are not in it
	mxd_assert(memcmp(a, &again, sizeof(again)) == 0);
	free(w);
}

static void
check_addr(const char *name, int family, const unsigned char *msg, size_t len)
{
	struct answer_addr a;
	wire_decode_addr(name, family, msg, len, &a);
	reach_outcome(a.outcome);
	check_none(a.outcome, msg, len);
	mxd_assert(a.n <= ANSWER_ADDR_MAX && a.ttl_s <= INT32_MAX);
	mxd_assert(!a.more || a.n == ANSWER_ADDR_MAX);
	if (a.more)
		fuzz_reach(GOAL_MORE);
	if (a.outcome != ANSWER_OK) {
		mxd_assert(a.n == 0 && a.canonical[0] == '\0' && a.ttl_s == 0);
		return;
	}
	mxd_assert(a.n > 0);
	for (unsigned i = 0; i < a.n; i++) {
		mxd_assert(a.addr[i].family == family && a.addr[i].port == 0);
		for (unsigned j = 0; j < i; j++)
			mxd_assert(!netaddr_equal(&a.addr[i], &a.addr[j]));
	}
	if (a.canonical[0] != '\0') {
		check_is_folded(a.canonical);
		fuzz_reach(GOAL_ALIAS);
	}
	// An alias to itself is a loop; a name that differs in case only is.
	if (strcmp(a.canonical, name) != 0)
		check_addr_again(name, family, &a);
	fuzz_reach(family == AF_INET ? GOAL_A : GOAL_AAAA);
}

// What is believed as a none never denies the EDNS that was asked with.
static void
check_edns(const char *name, const unsigned char *msg, size_t len)
{
	struct answer_mx a;
	enum wire_edns said = wire_edns(msg, len);
	wire_decode_mx(name, msg, len, &a);
	switch (said) {
	case WIRE_EDNS_SPOKEN:
		mxd_assert(len > NS_HFIXEDSZ);
		fuzz_reach(GOAL_EDNS_SPOKEN);
		return;
	case WIRE_EDNS_DENIED:
		mxd_assert(len >= NS_HFIXEDSZ);
		mxd_assert(
		    a.outcome != ANSWER_NODATA && a.outcome != ANSWER_NXDOMAIN);
		fuzz_reach(GOAL_EDNS_DENIED);
		return;
	case WIRE_EDNS_SILENT:
		return;
	}
}

// The name that the message itself asks about, so that more than one in a
// million is taken for an answer.
static void
name_of(const unsigned char *msg, size_t len, char out[DNAME_SIZE])
{
	char text[NS_MAXDNAME];
	if (len <= NS_HFIXEDSZ ||
	    dn_expand(msg, msg + len, msg + NS_HFIXEDSZ, text, sizeof(text)) <
		0 ||
	    dname_fold_host(text, strlen(text), out) < 0)
		memcpy(out, "d.test", 7);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[DNAME_SIZE];
	name_of(data, size, name);
	check_edns(name, data, size);
	check_mx(name, data, size);
	check_addr(name, AF_INET, data, size);
	check_addr(name, AF_INET6, data, size);
	return 0;
}
