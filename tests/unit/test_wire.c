// SPDX-License-Identifier: MIT
// dns/wire: messages built by hand, record by record or byte by byte.
#include "dns/wire.h"

#include "base/attr.h"
#include "base/mem.h"
#include "unit/unit.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
	FLAGS = 0x8180, // QR, RD, RA
	TC = 0x0200,
	RA = 0x0080,
	QR = 0x8000,
	AA = 0x0400,
	OPCODE_NOTIFY = 0x2000,
};

struct message {
	unsigned char bytes[NS_MAXMSG + 1];
	size_t len;
	bool compress;
	const unsigned char *names[64]; // for ns_name_compress()
};

static void
put16(struct message *m, unsigned value)
{
	ck_assert_uint_le(m->len + 2, sizeof(m->bytes));
	ns_put16(value, m->bytes + m->len);
	m->len += 2;
}

static void
put_name(struct message *m, const char *name)
{
	const unsigned char **names = m->compress ? m->names : NULL;
	int len = ns_name_compress(name, m->bytes + m->len,
	    sizeof(m->bytes) - m->len, names,
	    names != NULL ? names + ARRAY_LEN(m->names) : NULL);
	ck_assert_msg(len > 0, "name %s", name);
	m->len += (size_t)len;
}

// Starts a message with a question; an empty `qname` leaves it out.
static void
begin(struct message *m, unsigned flags, const char *qname, unsigned qtype)
{
	memset(m, 0, sizeof(*m));
	m->names[0] = m->bytes;
	put16(m, 0x1234);
	put16(m, flags);
	put16(m, qname[0] != '\0');
	for (int i = 0; i < 3; i++)
		put16(m, 0);
	if (qname[0] == '\0')
		return;
	put_name(m, qname);
	put16(m, qtype);
	put16(m, ns_c_in);
}

static unsigned
type_of(const char *text)
{
	static const struct {
		const char *text;
		unsigned type;
	} types[] = {
	    {"A", ns_t_a},
	    {"AAAA", ns_t_aaaa},
	    {"MX", ns_t_mx},
	    {"CNAME", ns_t_cname},
	    {"NS", ns_t_ns},
	    {"DNAME", ns_t_dname},
	    {"OPT", ns_t_opt},
	    {"RAW-A", ns_t_a},
	    {"RAW-MX", ns_t_mx},
	    {"RAW-CNAME", ns_t_cname},
	    {"RAW-RRSIG", ns_t_rrsig},
	    {"RAW-SOA", ns_t_soa},
	    {"RAW-TXT", ns_t_txt},
	};

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (strcmp(types[i].text, text) == 0)
			return types[i].type;
	ck_abort_msg("type %s", text);
	return 0;
}

// Adds "OWNER TTL CLASS TYPE DATA" to a section (1 answer, 2 authority, 3
// additional). DATA of MX is PREFERENCE,NAME, of OPT nothing, of RAW-* hex.
static void
add(struct message *m, int section, const char *text)
{
	char owner[300], class[8], type[16], data[300] = "";
	unsigned long ttl;
	unsigned char ip[NS_IN6ADDRSZ];

	ck_assert_msg(sscanf(text, " %299s %lu %7s %15s %299s", owner, &ttl,
			  class, type, data) >= 4,
	    "record %s", text);
	put_name(m, owner);
	put16(m, type_of(type));
	put16(m, strcmp(class, "CH") == 0 ? ns_c_chaos : ns_c_in);
	put16(m, (unsigned)(ttl >> 16));
	put16(m, ttl & 0xffff);
	size_t at = m->len;
	put16(m, 0);
	if (strncmp(type, "RAW-", 4) == 0) {
		unsigned byte;
		for (const char *p = data; sscanf(p, "%2x", &byte) == 1; p += 2)
			m->bytes[m->len++] = (unsigned char)byte;
	} else if (strcmp(type, "A") == 0 || strcmp(type, "AAAA") == 0) {
		bool v4 = type[1] == '\0';
		ck_assert_int_eq(
		    inet_pton(v4 ? AF_INET : AF_INET6, data, ip), 1);
		memcpy(m->bytes + m->len, ip, v4 ? 4 : 16);
		m->len += v4 ? 4 : 16;
	} else if (strcmp(type, "MX") == 0) {
		put16(m, (unsigned)atol(data));
		put_name(m, strchr(data, ',') + 1);
	} else if (strcmp(type, "OPT") != 0) {
		put_name(m, data);
	}
	ns_put16((unsigned)(m->len - at - 2), m->bytes + at);
	unsigned char *count = m->bytes + 4 + 2 * section;
	ns_put16(ns_get16(count) + 1, count);
}

// Adds records separated by ';'; NULL: none.
static void
add_all(struct message *m, int section, const char *text)
{
	char copy[2048], *rest = copy, *one;

	snprintf(copy, sizeof(copy), "%s", text != NULL ? text : "");
	while ((one = strsep(&rest, ";")) != NULL)
		if (one[0] != '\0')
			add(m, section, one);
}

// "PREFERENCE HOST" of each MX, by commas.
static const char *
mx_text(const struct answer_mx *a, char *out, size_t size)
{
	size_t len = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < a->n; i++)
		len += (size_t)snprintf(out + len, size - len, "%s%u %s",
		    i > 0 ? "," : "", a->mx[i].preference, a->mx[i].host);
	return out;
}

static const char *
addr_text(const struct answer_addr *a, char *out, size_t size)
{
	size_t len = 0;
	char text[NETADDR_TEXT_MAX];

	out[0] = '\0';
	for (unsigned i = 0; i < a->n; i++)
		len += (size_t)snprintf(out + len, size - len, "%s%s",
		    i > 0 ? "," : "", netaddr_format(&a->addr[i], text));
	return out;
}

static const struct mx_case {
	const char *what;
	const char *answer, *authority, *additional;
	unsigned flags;	   // 0: FLAGS
	const char *qname; // NULL: d.test; "": no question
	unsigned qtype;	   // 0: MX
	enum answer_outcome outcome;
	uint32_t ttl_s;
	bool null_mx;
	const char *mx; // NULL: none
} mx_cases[] = {
    {.what = "one",
	.answer = "d.test 300 IN MX 10,mx.d.test",
	.ttl_s = 300,
	.mx = "10 mx.d.test"},
    {.what = "by preference, then by name",
	.answer = "d.test 300 IN MX 20,b.d.test;d.test 300 IN MX 10,c.d.test;"
		  "d.test 300 IN MX 20,a.d.test",
	.ttl_s = 300,
	.mx = "10 c.d.test,20 a.d.test,20 b.d.test"},
    {.what = "lowest TTL of the records",
	.answer = "d.test 300 IN MX 1,a.test;d.test 60 IN MX 2,b.test",
	.ttl_s = 60,
	.mx = "1 a.test,2 b.test"},
    {.what = "the TTL of other records does not count",
	.answer = "d.test 300 IN MX 1,a.test;e.test 5 IN MX 2,b.test;"
		  "d.test 4 CH MX 3,c.test",
	.additional = "a.test 3 IN A 192.0.2.1",
	.ttl_s = 300,
	.mx = "1 a.test"},
    {.what = "TTL 0", .answer = "d.test 0 IN MX 1,a.test", .mx = "1 a.test"},
    {.what = "TTL with the top bit is 0",
	.answer = "d.test 2147483648 IN MX 1,a.test",
	.mx = "1 a.test"},
    {.what = "TTL of all bits is 0, beside a sane one",
	.answer = "d.test 60 IN MX 1,a.test;d.test 4294967295 IN MX 2,b.test",
	.mx = "1 a.test,2 b.test"},
    {.what = "largest TTL",
	.answer = "d.test 2147483647 IN MX 1,a.test",
	.ttl_s = INT32_MAX,
	.mx = "1 a.test"},
    {.what = "upper case",
	.qname = "D.TesT",
	.answer = "D.TEST 300 IN MX 10,MX.D.Test",
	.ttl_s = 300,
	.mx = "10 mx.d.test"},
    {.what = "CNAME",
	.answer = "d.test 100 IN CNAME e.test;e.test 300 IN MX 1,a.test",
	.ttl_s = 100,
	.mx = "1 a.test"},
    {.what = "CNAME chain, last record has the lowest TTL",
	.answer = "d.test 100 IN CNAME E.test;e.test 90 IN CNAME f.test;"
		  "F.test 80 IN MX 1,a.test",
	.ttl_s = 80,
	.mx = "1 a.test"},
    {.what = "CNAME chain in no order",
	.answer = "f.test 80 IN MX 1,a.test;e.test 50 IN CNAME f.test;"
		  "d.test 100 IN CNAME e.test",
	.ttl_s = 50,
	.mx = "1 a.test"},
    {.what = "an unused CNAME",
	.answer = "x.test 1 IN CNAME d.test;d.test 80 IN MX 1,a.test",
	.ttl_s = 80,
	.mx = "1 a.test"},
    {.what = "CNAME to nowhere",
	.answer = "d.test 100 IN CNAME e.test",
	.outcome = ANSWER_NODATA},
    {.what = "CNAME to itself",
	.answer = "d.test 100 IN CNAME d.test",
	.outcome = ANSWER_UNREADABLE},
    {.what = "CNAME loop",
	.answer = "d.test 100 IN CNAME e.test;e.test 100 IN CNAME d.test",
	.outcome = ANSWER_UNREADABLE},
    {.what = "null MX",
	.answer = "d.test 300 IN MX 0,.",
	.ttl_s = 300,
	.null_mx = true},
    {.what = "null MX behind a CNAME",
	.answer = "d.test 300 IN CNAME e.test;e.test 200 IN MX 0,.",
	.ttl_s = 200,
	.null_mx = true},
    {.what = "the root beside others",
	.answer = "d.test 300 IN MX 0,.;d.test 300 IN MX 5,a.test",
	.ttl_s = 300,
	.mx = "5 a.test"},
    {.what = "two roots",
	.answer = "d.test 300 IN MX 0,.;d.test 300 IN MX 5,.",
	.ttl_s = 300},
    {.what = "the root of another name does not spoil a null MX",
	.answer = "d.test 300 IN MX 0,.;e.test 300 IN MX 0,.",
	.ttl_s = 300,
	.null_mx = true},
    {.what = "the root beside an unusable name",
	.answer = "d.test 300 IN MX 0,.;d.test 300 IN MX 5,192.0.2.256",
	.ttl_s = 300},
    {.what = "duplicates",
	.answer = "d.test 300 IN MX 5,a.test;d.test 300 IN MX 5,A.test",
	.ttl_s = 300,
	.mx = "5 a.test"},
    {.what = "duplicate with a lower preference",
	.answer = "d.test 300 IN MX 20,a.test;d.test 300 IN MX 10,b.test;"
		  "d.test 300 IN MX 5,a.test;d.test 300 IN MX 30,a.test",
	.ttl_s = 300,
	.mx = "5 a.test,10 b.test"},
    {.what = "names no host can have",
	.answer =
	    "d.test 300 IN MX 1,mail\\.x.test;d.test 300 IN MX 2,a\\@b;"
	    "d.test 300 IN MX 3,-a.test;d.test 300 IN MX 4,a\\000b.test;"
	    "d.test 300 IN MX 5,192.0.2.256;d.test 300 IN MX 6,a\\032b.x;"
	    "d.test 300 IN MX 7,\\195\\164.test;d.test 300 IN MX 8,a.test",
	.ttl_s = 300,
	.mx = "8 a.test"},
    {.what = "none usable",
	.answer = "d.test 300 IN MX 1,192.0.2.256",
	.ttl_s = 300},
    {.what = "an address for a host",
	.answer = "d.test 300 IN MX 5,192.0.2.1;d.test 300 IN MX 6,a.test;"
		  "d.test 300 IN MX 7,2001:DB8::25",
	.ttl_s = 300,
	.mx = "5 192.0.2.1,6 a.test,7 2001:db8::25"},
    {.what = "one address in two forms",
	.answer = "d.test 300 IN MX 5,0xC0.0.2.1;d.test 300 IN MX 6,192.0.2.1;"
		  "d.test 300 IN MX 7,192.0.02.1",
	.ttl_s = 300,
	.mx = "5 192.0.2.1"},
    {.what = "a label with dots in it is no address",
	.answer = "d.test 300 IN MX 5,192\\.0\\.2\\.1;d.test 300 IN MX 6,a.x",
	.ttl_s = 300,
	.mx = "6 a.x"},
    {.what = "what is resolved like any name",
	.answer = "d.test 300 IN MX 1,mx.d.123;d.test 300 IN MX 2,*.d.test;"
		  "d.test 300 IN MX 3,192.0.2.1x",
	.ttl_s = 300,
	.mx = "1 mx.d.123,2 *.d.test,3 192.0.2.1x"},
    {.what = "a single label, and an underscore",
	.answer = "d.test 300 IN MX 1,localhost;d.test 300 IN MX 2,_a.test",
	.ttl_s = 300,
	.mx = "1 localhost,2 _a.test"},
    {.what = "largest preference",
	.answer = "d.test 300 IN MX 65535,a.test",
	.ttl_s = 300,
	.mx = "65535 a.test"},
    {.what = "empty", .outcome = ANSWER_NODATA},
    {.what = "NXDOMAIN",
	.flags = FLAGS | ns_r_nxdomain,
	.outcome = ANSWER_NXDOMAIN},
    {.what = "NXDOMAIN of a CNAME's target",
	.answer = "d.test 300 IN CNAME e.test",
	.flags = FLAGS | ns_r_nxdomain,
	.outcome = ANSWER_NXDOMAIN},
    {.what = "FORMERR",
	.flags = FLAGS | ns_r_formerr,
	.outcome = ANSWER_SERVFAIL},
    {.what = "SERVFAIL",
	.flags = FLAGS | ns_r_servfail,
	.outcome = ANSWER_SERVFAIL},
    {.what = "NOTIMP",
	.flags = FLAGS | ns_r_notimpl,
	.outcome = ANSWER_SERVFAIL},
    {.what = "REFUSED",
	.flags = FLAGS | ns_r_refused,
	.outcome = ANSWER_REFUSED},
    {.what = "REFUSED, records there",
	.answer = "d.test 300 IN MX 1,a.test",
	.flags = FLAGS | ns_r_refused,
	.outcome = ANSWER_REFUSED},
    {.what = "NOTAUTH",
	.flags = FLAGS | ns_r_notauth,
	.outcome = ANSWER_SERVFAIL},
    {.what = "BADVERS, its lower bits NOERROR",
	.additional = ". 16777216 IN OPT",
	.outcome = ANSWER_SERVFAIL},
    {.what = "OPT without a code",
	.answer = "d.test 300 IN MX 1,a.test",
	.additional = ". 0 IN OPT",
	.ttl_s = 300,
	.mx = "1 a.test"},
    {.what = "SERVFAIL without a question",
	.qname = "",
	.flags = FLAGS | ns_r_servfail,
	.outcome = ANSWER_SERVFAIL},
    {.what = "NXDOMAIN without a question",
	.qname = "",
	.flags = FLAGS | ns_r_nxdomain,
	.outcome = ANSWER_UNREADABLE},
    {.what = "records without a question",
	.qname = "",
	.answer = "d.test 300 IN MX 1,a.test",
	.outcome = ANSWER_UNREADABLE},
    {.what = "another question",
	.qname = "e.test",
	.answer = "d.test 300 IN MX 1,a.test",
	.outcome = ANSWER_UNREADABLE},
    {.what = "NXDOMAIN to another question",
	.qname = "e.test",
	.flags = FLAGS | ns_r_nxdomain,
	.outcome = ANSWER_UNREADABLE},
    {.what = "SERVFAIL to another question",
	.qname = "e.test",
	.flags = FLAGS | ns_r_servfail,
	.outcome = ANSWER_UNREADABLE},
    {.what = "question of another type",
	.qtype = ns_t_a,
	.answer = "d.test 300 IN MX 1,a.test",
	.outcome = ANSWER_UNREADABLE},
    {.what = "a question, no answer",
	.answer = "d.test 300 IN MX 1,a.test",
	.flags = FLAGS & ~QR,
	.outcome = ANSWER_UNREADABLE},
    {.what = "another opcode",
	.flags = FLAGS | OPCODE_NOTIFY,
	.outcome = ANSWER_UNREADABLE},
    {.what = "cut off by the server",
	.answer = "d.test 300 IN MX 1,a.test",
	.flags = FLAGS | TC,
	.outcome = ANSWER_UNREADABLE},
    {.what = "referral of a lame server",
	.authority = "test 300 IN NS ns.test",
	.flags = FLAGS & ~RA,
	.outcome = ANSWER_SERVFAIL},
    {.what = "NODATA with NS, by a server that recurses",
	.authority = "test 300 IN NS ns.test",
	.outcome = ANSWER_NODATA},
    {.what = "NODATA with NS, by the server of the zone",
	.authority = "test 300 IN NS ns.test",
	.flags = (FLAGS & ~RA) | AA,
	.outcome = ANSWER_NODATA},
    {.what = "A instead of MX",
	.answer = "d.test 100 IN A 192.0.2.1",
	.outcome = ANSWER_UNREADABLE},
    {.what = "AAAA instead of MX",
	.answer = "d.test 100 IN AAAA 2001:db8::1",
	.outcome = ANSWER_UNREADABLE},
    {.what = "A instead of MX behind a CNAME",
	.answer = "d.test 100 IN CNAME e.test;e.test 100 IN A 192.0.2.1",
	.outcome = ANSWER_UNREADABLE},
    {.what = "A instead of MX, a CNAME beside it",
	.answer = "d.test 100 IN A 192.0.2.1;d.test 100 IN CNAME e.test",
	.outcome = ANSWER_UNREADABLE},
    {.what = "A beside MX",
	.answer = "d.test 100 IN A 192.0.2.1;d.test 300 IN MX 1,a.test",
	.ttl_s = 300,
	.mx = "1 a.test"},
    {.what = "MX without data",
	.answer = "d.test 300 IN RAW-MX",
	.outcome = ANSWER_UNREADABLE},
    {.what = "MX of a preference alone",
	.answer = "d.test 300 IN RAW-MX 000a",
	.outcome = ANSWER_UNREADABLE},
    {.what = "MX with bytes behind the name",
	.answer = "d.test 300 IN RAW-MX 000a01610000",
	.outcome = ANSWER_UNREADABLE},
    {.what = "MX whose name runs out of its data",
	.answer = "d.test 300 IN RAW-MX 000a3f61;d.test 300 IN MX 1,a.test",
	.outcome = ANSWER_UNREADABLE},
    {.what = "good MX before a malformed one",
	.answer = "d.test 300 IN MX 1,a.test;d.test 300 IN RAW-MX 000a",
	.outcome = ANSWER_UNREADABLE},
    {.what = "pointer beyond the message",
	.answer = "d.test 300 IN RAW-MX 000affff",
	.outcome = ANSWER_UNREADABLE},
    {.what = "pointer into the question",
	.answer = "d.test 300 IN RAW-MX 000ac00c",
	.ttl_s = 300,
	.mx = "10 d.test"},
    {.what = "malformed CNAME",
	.answer = "d.test 300 IN RAW-CNAME 3f61;d.test 300 IN A 192.0.2.1",
	.outcome = ANSWER_UNREADABLE},
};

static void
build_mx(const struct mx_case *c, struct message *m, bool compress)
{
	m->compress = compress;
	begin(m, c->flags != 0 ? c->flags : FLAGS,
	    c->qname != NULL ? c->qname : "d.test",
	    c->qtype != 0 ? c->qtype : ns_t_mx);
	m->compress = compress;
	add_all(m, 1, c->answer);
	add_all(m, 2, c->authority);
	add_all(m, 3, c->additional);
}

// Everything in an answer that was not OK is zero.
static void
check_mx_empty(const struct answer_mx *got, const char *what)
{
	struct answer_mx *empty = xcalloc(1, sizeof(*empty));

	empty->outcome = got->outcome;
	ck_assert_msg(memcmp(got, empty, sizeof(*got)) == 0,
	    "%s: something left in the answer", what);
	free(empty);
}

static void
check_mx(int row, bool compress)
{
	const struct mx_case *c = &mx_cases[row];
	struct message *m = xcalloc(1, sizeof(*m));
	struct answer_mx *a = xcalloc(1, sizeof(*a));
	char text[1024];

	memset(a, 0xee, sizeof(*a));
	build_mx(c, m, compress);
	wire_decode_mx("d.test", m->bytes, m->len, a);
	ck_assert_msg(a->outcome == c->outcome, "row %d (%s): outcome %s", row,
	    c->what, answer_outcome_name(a->outcome));
	ck_assert_msg(a->ttl_s == c->ttl_s, "row %d (%s): ttl %u", row, c->what,
	    a->ttl_s);
	ck_assert_msg(a->null_mx == c->null_mx, "row %d (%s): null %d", row,
	    c->what, a->null_mx);
	mx_text(a, text, sizeof(text));
	ck_assert_msg(strcmp(text, c->mx != NULL ? c->mx : "") == 0,
	    "row %d (%s): mx %s", row, c->what, text);
	if (a->outcome != ANSWER_OK)
		check_mx_empty(a, c->what);
	free(a);
	free(m);
}

START_TEST(test_wire_mx_table)
{
	check_mx(_i, false);
}
END_TEST

START_TEST(test_wire_mx_table_compressed)
{
	check_mx(_i, true);
}
END_TEST

// A copy of exactly `len` bytes, so that a read beyond them is seen.
static unsigned char *
copy_exact(const unsigned char *bytes, size_t len)
{
	unsigned char *copy = malloc(len > 0 ? len : 1);

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, bytes, len);
	return copy;
}

// No message that lacks its end, or has something behind it, is believed.
START_TEST(test_wire_mx_cut_anywhere)
{
	struct message *m = xcalloc(1, sizeof(*m));
	struct answer_mx *a = xcalloc(1, sizeof(*a));

	build_mx(&mx_cases[_i], m, true);
	for (size_t len = 0; len <= m->len + 1; len++) {
		if (len == m->len)
			continue;
		unsigned char *cut = copy_exact(m->bytes, len);
		wire_decode_mx("d.test", cut, len, a);
		ck_assert_msg(a->outcome == ANSWER_UNREADABLE,
		    "row %d (%s) at %zu: %s", _i, mx_cases[_i].what, len,
		    answer_outcome_name(a->outcome));
		check_mx_empty(a, mx_cases[_i].what);
		free(cut);
	}
	free(a);
	free(m);
}
END_TEST

// Whatever a byte is changed to, the decoders end, stay inside the message,
// and fill in no more than they promise.
START_TEST(test_wire_bytes_changed_anywhere)
{
	static const unsigned char values[] = {0x00, 0x01, 0x3f, 0xc0, 0xff};
	struct message *m = xcalloc(1, sizeof(*m));
	struct answer_mx *a = xcalloc(1, sizeof(*a));
	struct answer_addr *b = xcalloc(1, sizeof(*b));

	build_mx(&mx_cases[_i], m, true);
	unsigned char *copy = copy_exact(m->bytes, m->len);
	for (size_t i = 0; i < m->len * ARRAY_LEN(values); i++) {
		size_t at = i / ARRAY_LEN(values);
		copy[at] = values[i % ARRAY_LEN(values)];
		wire_decode_mx("d.test", copy, m->len, a);
		ck_assert_uint_le(a->n, ANSWER_MX_MAX);
		if (a->outcome != ANSWER_OK)
			check_mx_empty(a, mx_cases[_i].what);
		wire_decode_addr("d.test", AF_INET, copy, m->len, b);
		ck_assert_uint_le(b->n, ANSWER_ADDR_MAX);
		copy[at] = m->bytes[at];
	}
	free(copy);
	free(b);
	free(a);
	free(m);
}
END_TEST

static const struct addr_case {
	const char *what;
	int family;
	const char *answer;
	unsigned flags; // 0: FLAGS
	unsigned qtype; // 0: that of the family
	enum answer_outcome outcome;
	uint32_t ttl_s;
	const char *canonical; // NULL: ""
	const char *addr;      // NULL: none
} addr_cases[] = {
    {.what = "one",
	.family = AF_INET,
	.answer = "d.test 300 IN A 192.0.2.1",
	.ttl_s = 300,
	.addr = "192.0.2.1"},
    {.what = "the order of the message, the lowest TTL",
	.family = AF_INET,
	.answer = "d.test 300 IN A 192.0.2.9;d.test 30 IN A 192.0.2.1",
	.ttl_s = 30,
	.addr = "192.0.2.9,192.0.2.1"},
    {.what = "IPv6",
	.family = AF_INET6,
	.answer = "d.test 300 IN AAAA 2001:db8::1;"
		  "d.test 300 IN AAAA 2001:db8::2",
	.ttl_s = 300,
	.addr = "2001:db8::1,2001:db8::2"},
    {.what = "duplicates",
	.family = AF_INET,
	.answer = "d.test 300 IN A 192.0.2.1;d.test 300 IN A 192.0.2.1",
	.ttl_s = 300,
	.addr = "192.0.2.1"},
    {.what = "CNAME",
	.family = AF_INET,
	.answer = "d.test 40 IN CNAME E.Test;e.test 300 IN A 192.0.2.1",
	.ttl_s = 40,
	.canonical = "e.test",
	.addr = "192.0.2.1"},
    {.what = "CNAME to a name no host can have",
	.family = AF_INET,
	.answer = "d.test 40 IN CNAME a\\.b.x;a\\.b.x 300 IN A 192.0.2.1",
	.ttl_s = 40,
	.addr = "192.0.2.1"},
    {.what = "CNAME loop",
	.family = AF_INET,
	.answer = "d.test 40 IN CNAME e.test;e.test 40 IN CNAME d.test",
	.outcome = ANSWER_UNREADABLE},
    {.what = "CNAME without an address",
	.family = AF_INET,
	.answer = "d.test 40 IN CNAME e.test",
	.outcome = ANSWER_NODATA},
    {.what = "the other family",
	.family = AF_INET,
	.answer = "d.test 40 IN AAAA 2001:db8::1",
	.outcome = ANSWER_UNREADABLE},
    {.what = "the other family, asked the other way",
	.family = AF_INET6,
	.answer = "d.test 40 IN A 192.0.2.1",
	.outcome = ANSWER_UNREADABLE},
    {.what = "question of the other family",
	.family = AF_INET,
	.qtype = ns_t_aaaa,
	.answer = "d.test 40 IN A 192.0.2.1",
	.outcome = ANSWER_UNREADABLE},
    {.what = "too short",
	.family = AF_INET,
	.answer = "d.test 40 IN RAW-A c00002",
	.outcome = ANSWER_UNREADABLE},
    {.what = "too long",
	.family = AF_INET,
	.answer = "d.test 40 IN A 192.0.2.1;d.test 40 IN RAW-A c000020100",
	.outcome = ANSWER_UNREADABLE},
    {.what = "TTL with the top bit is 0",
	.family = AF_INET,
	.answer = "d.test 2147483649 IN A 192.0.2.1",
	.addr = "192.0.2.1"},
    {.what = "SERVFAIL",
	.family = AF_INET,
	.flags = FLAGS | ns_r_servfail,
	.outcome = ANSWER_SERVFAIL},
    {.what = "NXDOMAIN",
	.family = AF_INET6,
	.flags = FLAGS | ns_r_nxdomain,
	.outcome = ANSWER_NXDOMAIN},
    {.what = "cut off by the server",
	.family = AF_INET,
	.answer = "d.test 300 IN A 192.0.2.1",
	.flags = FLAGS | TC,
	.outcome = ANSWER_UNREADABLE},
};

START_TEST(test_wire_addr_table)
{
	const struct addr_case *c = &addr_cases[_i];
	struct message *m = xcalloc(1, sizeof(*m));
	struct answer_addr a;
	char text[2048];

	memset(&a, 0xee, sizeof(a));
	begin(m, c->flags != 0 ? c->flags : FLAGS, "d.test",
	    c->qtype != 0	   ? c->qtype
	    : c->family == AF_INET ? ns_t_a
				   : ns_t_aaaa);
	add_all(m, 1, c->answer);
	wire_decode_addr("d.test", c->family, m->bytes, m->len, &a);
	ck_assert_msg(a.outcome == c->outcome, "row %d (%s): outcome %s", _i,
	    c->what, answer_outcome_name(a.outcome));
	ck_assert_msg(
	    a.ttl_s == c->ttl_s, "row %d (%s): ttl %u", _i, c->what, a.ttl_s);
	ck_assert_msg(
	    strcmp(a.canonical, c->canonical != NULL ? c->canonical : "") == 0,
	    "row %d (%s): canonical %s", _i, c->what, a.canonical);
	addr_text(&a, text, sizeof(text));
	ck_assert_msg(strcmp(text, c->addr != NULL ? c->addr : "") == 0,
	    "row %d (%s): %s", _i, c->what, text);
	for (unsigned i = 0; i < a.n; i++)
		ck_assert_uint_eq(a.addr[i].port, 0);
	free(m);
}
END_TEST

// Answers without the records that were asked for, to an MX, an A and an AAAA
// question alike. ASKED stands for a record of the type that was asked for.
#define SOA    "test 300 IN RAW-SOA 0000000000010000000200000003000000040000012c"
#define SIG(t) "RAW-RRSIG " t "0802000000000000000000000000000000"
static const struct none_case {
	const char *what;
	const char *answer, *authority, *additional;
	unsigned flags; // 0: FLAGS
	enum answer_outcome outcome;
} none_cases[] = {
    // Said plainly.
    {"empty", NULL, NULL, NULL, 0, ANSWER_NODATA},
    {"with SOA", NULL, SOA, NULL, 0, ANSWER_NODATA},
    {"with SOA and OPT", NULL, SOA, ". 0 IN OPT", 0, ANSWER_NODATA},
    {"by the server of the zone", NULL, SOA, NULL, (FLAGS & ~RA) | AA,
	ANSWER_NODATA},
    {"signed", NULL, SOA ";test 300 IN " SIG("0006"), ". 32768 IN OPT", 0,
	ANSWER_NODATA},
    {"CNAME", "d.test 60 IN CNAME e.test", SOA, NULL, 0, ANSWER_NODATA},
    {"CNAME, no SOA, by a server that recurses", "d.test 60 IN CNAME e.test",
	NULL, NULL, 0, ANSWER_NODATA},
    {"CNAME, by the server of both zones", "d.test 60 IN CNAME e.test", SOA,
	NULL, (FLAGS & ~RA) | AA, ANSWER_NODATA},
    {"CNAMEs in no order",
	"f.test 60 IN CNAME g.test;e.test 60 IN CNAME f.test;"
	"D.TEST 60 IN CNAME E.test",
	SOA, NULL, 0, ANSWER_NODATA},
    {"signed CNAME", "d.test 60 IN CNAME e.test;d.test 60 IN " SIG("0005"), SOA,
	NULL, 0, ANSWER_NODATA},
    {"DNAME with the CNAME made of it",
	"test 60 IN DNAME example;d.test 0 IN CNAME d.example", SOA, NULL, 0,
	ANSWER_NODATA},
    {"DNAME, signed, the root's",
	". 60 IN DNAME example;. 60 IN " SIG(
	    "0027") ";"
		    "d.test 0 IN CNAME d.test.example",
	SOA, NULL, 0, ANSWER_NODATA},
    {"DNAME behind a CNAME",
	"d.test 60 IN CNAME a.b.test;b.test 60 IN DNAME c.test;"
	"a.b.test 0 IN CNAME a.c.test",
	SOA, NULL, 0, ANSWER_NODATA},
    {"no such name", NULL, SOA, NULL, FLAGS | ns_r_nxdomain, ANSWER_NXDOMAIN},
    {"no such name, no SOA", NULL, NULL, NULL, FLAGS | ns_r_nxdomain,
	ANSWER_NXDOMAIN},
    {"no such name behind a CNAME", "d.test 60 IN CNAME e.test", SOA, NULL,
	FLAGS | ns_r_nxdomain, ANSWER_NXDOMAIN},
    {"no such name behind a DNAME",
	"test 60 IN DNAME example;d.test 0 IN CNAME d.example", NULL, NULL,
	FLAGS | ns_r_nxdomain, ANSWER_NXDOMAIN},
    {"other records in the other sections", NULL,
	"test 60 IN NS ns.test;test 60 IN RAW-TXT 0161",
	"ns.test 60 IN A 192.0.2.1;ns.test 60 IN AAAA 2001:db8::1;"
	"ns.test 60 IN MX 1,a.test",
	0, ANSWER_NODATA},

    // The rest of the answer is elsewhere: another server may know.
    {"CNAME out of the zone", "d.test 60 IN CNAME e.example", NULL, NULL,
	(FLAGS & ~RA) | AA, ANSWER_SERVFAIL},
    {"CNAME, then a referral", "d.test 60 IN CNAME e.sub.test",
	"sub.test 60 IN NS ns.sub.test", NULL, (FLAGS & ~RA) | AA,
	ANSWER_SERVFAIL},

    // Not said plainly.
    {"OPT in the answer section", ". 0 IN OPT", NULL, NULL, 0,
	ANSWER_UNREADABLE},
    {"OPT first, the records in the additional section", ". 0 IN OPT", NULL,
	"ASKED", 0, ANSWER_UNREADABLE},
    {"OPT behind a CNAME", "d.test 60 IN CNAME e.test;. 0 IN OPT", SOA, NULL, 0,
	ANSWER_UNREADABLE},
    {"OPT in the authority section", NULL, ". 0 IN OPT", NULL, 0,
	ANSWER_UNREADABLE},
    {"the records in the authority section", NULL, "ASKED", NULL, 0,
	ANSWER_UNREADABLE},
    {"the records in the additional section", NULL, SOA, "ASKED", 0,
	ANSWER_UNREADABLE},
    {"the target's records in the additional section",
	"e.test 60 IN CNAME d.test;d.test 60 IN CNAME f.test", NULL, NULL, 0,
	ANSWER_UNREADABLE},
    {"the CNAME in the authority section", "f.test 60 IN CNAME e.test",
	"d.test 60 IN CNAME e.test", NULL, 0, ANSWER_UNREADABLE},
    {"another type", "d.test 60 IN RAW-TXT 0161", NULL, NULL, 0,
	ANSWER_UNREADABLE},
    {"another type at the CNAME's end",
	"d.test 60 IN CNAME e.test;e.test 60 IN RAW-TXT 0161", NULL, NULL, 0,
	ANSWER_UNREADABLE},
    {"SOA in the answer section", SOA, NULL, NULL, 0, ANSWER_UNREADABLE},
    {"MX of another name", "e.test 60 IN MX 1,a.test", NULL, NULL, 0,
	ANSWER_UNREADABLE},
    {"addresses of another name",
	"e.test 60 IN A 192.0.2.1;e.test 60 IN AAAA 2001:db8::1", NULL, NULL, 0,
	ANSWER_UNREADABLE},
    {"CNAME of another name", "e.test 60 IN CNAME f.test", SOA, NULL, 0,
	ANSWER_UNREADABLE},
    {"a CNAME beside the way",
	"d.test 60 IN CNAME e.test;x.test 60 IN CNAME e.test", SOA, NULL, 0,
	ANSWER_UNREADABLE},
    {"two CNAMEs of one name",
	"d.test 60 IN CNAME e.test;d.test 60 IN CNAME f.test", SOA, NULL, 0,
	ANSWER_UNREADABLE},
    {"another class", "d.test 60 CH MX 1,a.test", NULL, NULL, 0,
	ANSWER_UNREADABLE},
    {"CNAME of another class",
	"d.test 60 CH CNAME e.test;e.test 60 IN MX 1,a.test;"
	"e.test 60 IN A 192.0.2.1;e.test 60 IN AAAA 2001:db8::1",
	NULL, NULL, 0, ANSWER_UNREADABLE},
    {"signatures alone", "d.test 60 IN " SIG("000f"), SOA, NULL, 0,
	ANSWER_UNREADABLE},
    {"a signature of the records that are missing, behind a CNAME",
	"d.test 60 IN CNAME e.test;e.test 60 IN " SIG("000f"), SOA, NULL, 0,
	ANSWER_UNREADABLE},
    {"a signature without data",
	"d.test 60 IN CNAME e.test;d.test 60 IN RAW-RRSIG 00", SOA, NULL, 0,
	ANSWER_UNREADABLE},
    {"DNAME alone", "test 60 IN DNAME example", SOA, NULL, 0,
	ANSWER_UNREADABLE},
    {"DNAME of the name itself, which it does not redirect",
	"d.test 60 IN DNAME example;d.test 60 IN CNAME e.test", SOA, NULL, 0,
	ANSWER_UNREADABLE},
    {"DNAME of a name that ends alike",
	"est 60 IN DNAME example;d.test 60 IN CNAME e.test", SOA, NULL, 0,
	ANSWER_UNREADABLE},
    {"DNAME of another class",
	"test 60 CH DNAME example;d.test 60 IN CNAME d.example", SOA, NULL, 0,
	ANSWER_UNREADABLE},
    {"a loop", "d.test 60 IN CNAME e.test;e.test 60 IN CNAME d.test", SOA, NULL,
	0, ANSWER_UNREADABLE},
    {"no such name, which is a loop",
	"d.test 60 IN CNAME e.test;e.test 60 IN CNAME d.test", SOA, NULL,
	FLAGS | ns_r_nxdomain, ANSWER_UNREADABLE},
    {"no such name, but its records", "ASKED", SOA, NULL, FLAGS | ns_r_nxdomain,
	ANSWER_UNREADABLE},
    {"no such name, but its records in the additional section", NULL, SOA,
	"ASKED", FLAGS | ns_r_nxdomain, ANSWER_UNREADABLE},
    {"no such name, but another type of it", "d.test 60 IN RAW-TXT 0161", SOA,
	NULL, FLAGS | ns_r_nxdomain, ANSWER_UNREADABLE},
    {"no such name, but records of another", "x.test 60 IN A 192.0.2.1", SOA,
	NULL, FLAGS | ns_r_nxdomain, ANSWER_UNREADABLE},
};

static void
add_none(struct message *m, int section, const char *text, int asked)
{
	static const char *const records[] = {"d.test 60 IN MX 1,a.test",
	    "d.test 60 IN A 192.0.2.1", "d.test 60 IN AAAA 2001:db8::1"};

	if (text != NULL && strcmp(text, "ASKED") == 0)
		text = records[asked];
	add_all(m, section, text);
}

// The outcome of a message to a question of one of the three types.
static enum answer_outcome
decode_any(int asked, const struct message *m)
{
	struct answer_mx *mx = xcalloc(1, sizeof(*mx));
	struct answer_addr addr;
	enum answer_outcome outcome;

	wire_decode_mx("d.test", m->bytes, m->len, mx);
	outcome = mx->outcome;
	free(mx);
	if (asked == 0)
		return outcome;
	wire_decode_addr(
	    "d.test", asked == 1 ? AF_INET : AF_INET6, m->bytes, m->len, &addr);
	return addr.outcome;
}

START_TEST(test_wire_none_is_said_plainly)
{
	static const unsigned types[] = {ns_t_mx, ns_t_a, ns_t_aaaa};
	const struct none_case *c = &none_cases[_i];
	struct message *m = xcalloc(1, sizeof(*m));

	for (int asked = 0; asked < 3; asked++) {
		begin(m, c->flags != 0 ? c->flags : FLAGS, "d.test",
		    types[asked]);
		m->compress = true;
		add_none(m, 1, c->answer, asked);
		add_none(m, 2, c->authority, asked);
		add_none(m, 3, c->additional, asked);
		enum answer_outcome outcome = decode_any(asked, m);
		ck_assert_msg(outcome == c->outcome,
		    "row %d (%s), type %u: outcome %s", _i, c->what,
		    types[asked], answer_outcome_name(outcome));
	}
	free(m);
}
END_TEST

// More records announced than there are: cut off, whatever it says.
START_TEST(test_wire_none_with_records_missing)
{
	struct message *m = xcalloc(1, sizeof(*m));

	for (int section = 1; section <= 3; section++) {
		begin(m, FLAGS, "d.test", ns_t_mx);
		ns_put16(1, m->bytes + 4 + 2 * section);
		ck_assert_int_eq(decode_any(0, m), ANSWER_UNREADABLE);
	}
	free(m);
}
END_TEST

// What answers say of their server's EDNS.
START_TEST(test_wire_edns)
{
	static const struct {
		unsigned flags;
		const char *answer, *authority, *additional;
		enum wire_edns edns;
	} rows[] = {
	    {FLAGS, "d.test 60 IN MX 1,a.test", "", "", WIRE_EDNS_SILENT},
	    {FLAGS, "d.test 60 IN MX 1,a.test", SOA,
		"a.test 60 IN A 192.0.2.1;. 0 IN OPT", WIRE_EDNS_SPOKEN},
	    {FLAGS | ns_r_servfail, "", "", "", WIRE_EDNS_SILENT},
	    {FLAGS | ns_r_servfail, "", "", ". 0 IN OPT", WIRE_EDNS_SPOKEN},
	    {FLAGS | ns_r_refused, "", "", "", WIRE_EDNS_SILENT},
	    {FLAGS | ns_r_formerr, "", "", "", WIRE_EDNS_DENIED},
	    {FLAGS | ns_r_formerr, "", "", ". 0 IN OPT", WIRE_EDNS_DENIED},
	    {FLAGS | ns_r_notimpl, "", "", "", WIRE_EDNS_DENIED},
	    {FLAGS, "", "", ". 16777216 IN OPT", WIRE_EDNS_DENIED}, // BADVERS
	    {FLAGS, ". 0 IN OPT", "", "d.test 60 IN MX 1,a.test",
		WIRE_EDNS_DENIED},
	    {FLAGS, "", ". 0 IN OPT", ". 0 IN OPT", WIRE_EDNS_DENIED},
	};
	struct message *m = xcalloc(1, sizeof(*m));

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		begin(m, rows[i].flags, "d.test", ns_t_mx);
		add_all(m, 1, rows[i].answer);
		add_all(m, 2, rows[i].authority);
		add_all(m, 3, rows[i].additional);
		ck_assert_msg(
		    wire_edns(m->bytes, m->len) == rows[i].edns, "row %zu", i);
		ck_assert_int_eq(
		    wire_edns(m->bytes, m->len - 1), WIRE_EDNS_SILENT);
	}
	free(m);
}
END_TEST

// A dot that belongs to a label separates nothing.
START_TEST(test_wire_dname_and_escaped_dots)
{
	static const struct {
		const char *name, *dname;
		enum answer_outcome outcome;
	} rows[] = {
	    {"a\\.d.test", "d.test", ANSWER_UNREADABLE},
	    {"a\\.d.test", "test", ANSWER_NODATA},
	    {"a\\\\.d.test", "d.test", ANSWER_NODATA},
	    {"x.d.test", "d.test", ANSWER_NODATA},
	};
	struct message *m = xcalloc(1, sizeof(*m));
	char text[256];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		begin(m, FLAGS, "d.test", ns_t_mx);
		snprintf(text, sizeof(text),
		    "d.test 60 IN CNAME %s;%s 60 IN CNAME end.test;"
		    "%s 60 IN DNAME other.test",
		    rows[i].name, rows[i].name, rows[i].dname);
		add_all(m, 1, text);
		ck_assert_msg(
		    decode_any(0, m) == rows[i].outcome, "row %zu", i);
	}
	free(m);
}
END_TEST

// Host 99 first, so that the best come when the list is full.
START_TEST(test_wire_mx_keeps_lowest_preferences)
{
	struct message *m = xcalloc(1, sizeof(*m));
	struct answer_mx *a = xcalloc(1, sizeof(*a));
	char text[64];

	begin(m, FLAGS, "d.test", ns_t_mx);
	for (int i = 99; i >= 0; i--) {
		snprintf(
		    text, sizeof(text), "d.test 60 IN MX %d,h%d.test", i, i);
		add(m, 1, text);
	}
	// The second time they come, nothing changes.
	for (int i = 0; i < 100; i++) {
		snprintf(
		    text, sizeof(text), "d.test 60 IN MX %d,h%d.test", i, i);
		add(m, 1, text);
	}
	wire_decode_mx("d.test", m->bytes, m->len, a);
	ck_assert_int_eq(a->outcome, ANSWER_OK);
	ck_assert_uint_eq(a->n, ANSWER_MX_MAX);
	for (unsigned i = 0; i < a->n; i++) {
		snprintf(text, sizeof(text), "h%u.test", i);
		ck_assert(a->more);
		ck_assert_uint_eq(a->mx[i].preference, i);
		ck_assert_str_eq(a->mx[i].host, text);
	}
	free(a);
	free(m);
}
END_TEST

// Servers rotate their records: what is kept of too many may not change.
START_TEST(test_wire_mx_kept_do_not_depend_on_order)
{
	struct message *m = xcalloc(1, sizeof(*m));
	struct answer_mx *a = xcalloc(2, sizeof(*a));
	char text[64];

	for (int turn = 0; turn < 2; turn++) {
		begin(m, FLAGS, "d.test", ns_t_mx);
		for (int i = 0; i < 80; i++) {
			snprintf(text, sizeof(text), "d.test 60 IN MX 5,h%d.t",
			    turn == 0 ? i : (i + 37) % 80);
			add(m, 1, text);
		}
		wire_decode_mx("d.test", m->bytes, m->len, &a[turn]);
	}
	ck_assert_uint_eq(a[0].n, ANSWER_MX_MAX);
	ck_assert_mem_eq(&a[0], &a[1], sizeof(a[0]));
	free(a);
	free(m);
}
END_TEST

// `more` is said of hosts that are not kept, not of how often the others come.
START_TEST(test_wire_mx_says_whether_there_are_more)
{
	struct message *m = xcalloc(1, sizeof(*m));
	struct answer_mx *a = xcalloc(1, sizeof(*a));
	char text[64];

	for (int extra = 0; extra < 2; extra++) {
		begin(m, FLAGS, "d.test", ns_t_mx);
		m->compress = true;
		for (int i = 0; i < 2 * (ANSWER_MX_MAX + extra); i++) {
			snprintf(text, sizeof(text), "d.test 60 IN MX %d,h%d.t",
			    200 - i, i % (ANSWER_MX_MAX + extra));
			add(m, 1, text);
		}
		wire_decode_mx("d.test", m->bytes, m->len, a);
		ck_assert_uint_eq(a->n, ANSWER_MX_MAX);
		ck_assert(a->more == (extra == 1));
	}
	free(a);
	free(m);
}
END_TEST

START_TEST(test_wire_addr_says_whether_there_are_more)
{
	struct message *m = xcalloc(1, sizeof(*m));
	struct answer_addr a;
	char text[64];

	for (int extra = 0; extra < 2; extra++) {
		begin(m, FLAGS, "d.test", ns_t_a);
		for (int i = 0; i < 2 * (ANSWER_ADDR_MAX + extra); i++) {
			snprintf(text, sizeof(text),
			    "d.test 60 IN A 192.0.2.%d",
			    i % (ANSWER_ADDR_MAX + extra));
			add(m, 1, text);
		}
		wire_decode_addr("d.test", AF_INET, m->bytes, m->len, &a);
		ck_assert_uint_eq(a.n, ANSWER_ADDR_MAX);
		ck_assert(a.more == (extra == 1));
	}
	free(m);
}
END_TEST

START_TEST(test_wire_addr_keeps_the_first)
{
	struct message *m = xcalloc(1, sizeof(*m));
	struct answer_addr a;
	char text[64];

	begin(m, FLAGS, "d.test", ns_t_a);
	for (int i = 0; i < ANSWER_ADDR_MAX + 5; i++) {
		snprintf(
		    text, sizeof(text), "d.test 60 IN A 192.0.2.%d", 100 - i);
		add(m, 1, text);
	}
	wire_decode_addr("d.test", AF_INET, m->bytes, m->len, &a);
	ck_assert_int_eq(a.outcome, ANSWER_OK);
	ck_assert_uint_eq(a.n, ANSWER_ADDR_MAX);
	ck_assert_str_eq(netaddr_format(&a.addr[0], text), "192.0.2.100");
	free(m);
}
END_TEST

// Chains of `WIRE_ALIAS_MAX` CNAMEs are followed, longer ones are loops.
START_TEST(test_wire_alias_chain_has_an_end)
{
	struct message *m = xcalloc(1, sizeof(*m));
	struct answer_addr a;
	char text[96];

	for (int extra = 0; extra < 2; extra++) {
		int n = WIRE_ALIAS_MAX + extra;
		begin(m, FLAGS, "d.test", ns_t_a);
		add(m, 1, "d.test 60 IN CNAME n1.test");
		for (int i = 1; i < n; i++) {
			snprintf(text, sizeof(text),
			    "n%d.test 60 IN CNAME n%d.test", i, i + 1);
			add(m, 1, text);
		}
		snprintf(text, sizeof(text), "n%d.test 60 IN A 192.0.2.1", n);
		add(m, 1, text);
		wire_decode_addr("d.test", AF_INET, m->bytes, m->len, &a);
		ck_assert_int_eq(
		    a.outcome, extra == 0 ? ANSWER_OK : ANSWER_UNREADABLE);
	}
	free(m);
}
END_TEST

START_TEST(test_wire_record_count_is_limited)
{
	struct message *m = xcalloc(1, sizeof(*m));
	struct answer_addr a;

	for (int extra = 0; extra < 2; extra++) {
		begin(m, FLAGS, "d.test", ns_t_a);
		m->compress = true;
		for (int i = 0; i < WIRE_RECORD_MAX + extra; i++)
			add(m, 1, "d.test 60 IN A 192.0.2.1");
		wire_decode_addr("d.test", AF_INET, m->bytes, m->len, &a);
		ck_assert_int_eq(
		    a.outcome, extra == 0 ? ANSWER_OK : ANSWER_UNREADABLE);
	}
	free(m);
}
END_TEST

START_TEST(test_wire_nothing_at_all)
{
	static const unsigned char big[NS_MAXMSG + 1];
	struct answer_mx *a = xcalloc(1, sizeof(*a));

	wire_decode_mx("d.test", NULL, 0, a);
	ck_assert_int_eq(a->outcome, ANSWER_UNREADABLE);
	wire_decode_mx("d.test", big, sizeof(big), a);
	ck_assert_int_eq(a->outcome, ANSWER_UNREADABLE);
	free(a);
}
END_TEST

// Names that point at each other, and a question that points at itself.
START_TEST(test_wire_pointer_loops)
{
	static const unsigned char loop[] = {0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1,
	    0, 0, 0, 0,
	    // d.test IN MX
	    1, 'd', 4, 't', 'e', 's', 't', 0, 0, 15, 0, 1,
	    // d.test 60 IN MX 1 (a, then a pointer to that a)
	    0xc0, 12, 0, 15, 0, 1, 0, 0, 0, 60, 0, 6, 0, 1, 1, 'a', 0xc0, 38};
	static const unsigned char self[] = {0x12, 0x34, 0x81, 0x80, 0, 1, 0, 0,
	    0, 0, 0, 0, 0xc0, 12, 0, 15, 0, 1};
	struct answer_mx *a = xcalloc(1, sizeof(*a));

	wire_decode_mx("d.test", loop, sizeof(loop), a);
	ck_assert_int_eq(a->outcome, ANSWER_UNREADABLE);
	wire_decode_mx("d.test", self, sizeof(self), a);
	ck_assert_int_eq(a->outcome, ANSWER_UNREADABLE);
	free(a);
}
END_TEST

static Suite *
wire_suite(void)
{
	Suite *s = suite_create("wire");
	TCase *t = tcase_create("wire");
	int mx_rows = ARRAY_LEN(mx_cases);

	suite_add_tcase(s, t);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, test_wire_mx_table, 0, mx_rows);
	tcase_add_loop_test(t, test_wire_mx_table_compressed, 0, mx_rows);
	tcase_add_loop_test(t, test_wire_mx_cut_anywhere, 0, mx_rows);
	tcase_add_loop_test(t, test_wire_bytes_changed_anywhere, 0, mx_rows);
	tcase_add_loop_test(t, test_wire_addr_table, 0, ARRAY_LEN(addr_cases));
	tcase_add_loop_test(
	    t, test_wire_none_is_said_plainly, 0, ARRAY_LEN(none_cases));
	tcase_add_test(t, test_wire_none_with_records_missing);
	tcase_add_test(t, test_wire_edns);
	tcase_add_test(t, test_wire_dname_and_escaped_dots);
	tcase_add_test(t, test_wire_mx_keeps_lowest_preferences);
	tcase_add_test(t, test_wire_mx_kept_do_not_depend_on_order);
	tcase_add_test(t, test_wire_mx_says_whether_there_are_more);
	tcase_add_test(t, test_wire_addr_says_whether_there_are_more);
	tcase_add_test(t, test_wire_addr_keeps_the_first);
	tcase_add_test(t, test_wire_alias_chain_has_an_end);
	tcase_add_test(t, test_wire_record_count_is_limited);
	tcase_add_test(t, test_wire_nothing_at_all);
	tcase_add_test(t, test_wire_pointer_loops);
	return s;
}

int
main(void)
{
	return unit_run(wire_suite());
}
