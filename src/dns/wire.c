// SPDX-License-Identifier: MIT
// DNS messages to answers, by libresolv's ns_initparse().
#include "dns/wire.h"

#include "base/bug.h"

#include <arpa/nameser.h>
#include <resolv.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

// What one walk over the answer section found at a name.
enum wire_found {
	WIRE_BAD,     // the message cannot be parsed
	WIRE_NOTHING, // neither of these
	WIRE_ALIAS,   // a CNAME
	WIRE_RECORDS, // records of the type asked for
};

// A message on its way to an answer.
struct wire_reply {
	ns_msg msg;
	const char *name;   // the name asked for; borrowed
	ns_type type;	    // the type asked for
	unsigned n_answers; // records in the answer section
	// The name asked for, and where each CNAME led, as the message has it.
	char way[WIRE_ALIAS_MAX + 2][NS_MAXDNAME];
	unsigned alias_at[WIRE_ALIAS_MAX + 1]; // which record led on from there
	unsigned aliases;		       // CNAMEs followed
	uint32_t ttl_s;			       // lowest so far
};

// Where the CNAMEs ended.
static const char *
wire_owner(const struct wire_reply *r)
{
	return r->way[r->aliases];
}

// Counts a record's TTL in. With its top bit set it is 0 (RFC 2181 section 8).
static void
wire_note_ttl(struct wire_reply *r, const ns_rr *rr)
{
	uint32_t ttl_s = (uint32_t)ns_rr_ttl(*rr);

	if (ttl_s > INT32_MAX)
		ttl_s = 0;
	if (ttl_s < r->ttl_s)
		r->ttl_s = ttl_s;
}

// True when the record is at `owner`, of class IN and this type.
static bool
wire_is_at(const ns_rr *rr, const char *owner, ns_type type)
{
	return ns_rr_type(*rr) == type && ns_rr_class(*rr) == ns_c_in &&
	       strcasecmp(ns_rr_name(*rr), owner) == 0;
}

// Reads the name that fills a record's data from `offset` to its end; the root
// is "". False: no such name.
static bool
wire_name_in(const struct wire_reply *r, const ns_rr *rr, size_t offset,
    char out[NS_MAXDNAME])
{
	if (ns_rr_rdlen(*rr) <= offset)
		return false;
	int used = dn_expand(ns_msg_base(r->msg), ns_msg_end(r->msg),
	    ns_rr_rdata(*rr) + offset, out, NS_MAXDNAME);
	return used >= 0 && (size_t)used == ns_rr_rdlen(*rr) - offset;
}

// The response code with the upper bits of EDNS (RFC 6891 section 6.1.3), or
// -1. Without them BADVERS reads as an empty NOERROR.
static int
wire_rcode(struct wire_reply *r)
{
	int rcode = ns_msg_getflag(r->msg, ns_f_rcode);

	for (int i = 0; i < ns_msg_count(r->msg, ns_s_ar); i++) {
		ns_rr rr;
		if (ns_parserr(&r->msg, ns_s_ar, i, &rr) < 0)
			return -1;
		if (ns_rr_type(rr) == ns_t_opt)
			rcode |= (int)(((uint32_t)ns_rr_ttl(rr) >> 24) << 4);
	}
	return rcode;
}

// True when a record of that type stands in that section.
static bool
wire_section_has(ns_msg *msg, ns_sect section, ns_type type)
{
	for (int i = 0; i < ns_msg_count(*msg, section); i++) {
		ns_rr rr;
		if (ns_parserr(msg, section, i, &rr) == 0 &&
		    ns_rr_type(rr) == type)
			return true;
	}
	return false;
}

enum wire_edns
wire_edns(const unsigned char *msg, size_t len)
{
	struct wire_reply r = {0};

	if (len > NS_MAXMSG || ns_initparse(msg, (int)len, &r.msg) < 0)
		return WIRE_EDNS_SILENT;
	switch (wire_rcode(&r)) {
	case ns_r_formerr:
	case ns_r_notimpl:
	case ns_r_badvers:
		return WIRE_EDNS_DENIED;
	default:
		break;
	}
	if (wire_section_has(&r.msg, ns_s_an, ns_t_opt) ||
	    wire_section_has(&r.msg, ns_s_ns, ns_t_opt))
		return WIRE_EDNS_DENIED;
	return wire_section_has(&r.msg, ns_s_ar, ns_t_opt) ? WIRE_EDNS_SPOKEN
							   : WIRE_EDNS_SILENT;
}

// True when the message repeats our question, and no other.
static bool
wire_is_our_question(struct wire_reply *r)
{
	ns_rr question;

	return ns_msg_count(r->msg, ns_s_qd) == 1 &&
	       ns_parserr(&r->msg, ns_s_qd, 0, &question) == 0 &&
	       wire_is_at(&question, r->name, r->type);
}

// A server that does not recurse and points to others instead says nothing of
// the name; taken for NODATA, it would say of every domain that it has no MX.
static bool
wire_is_referral(struct wire_reply *r)
{
	ns_rr rr;

	return r->n_answers == 0 && !ns_msg_getflag(r->msg, ns_f_aa) &&
	       !ns_msg_getflag(r->msg, ns_f_ra) &&
	       ns_msg_count(r->msg, ns_s_ns) > 0 &&
	       ns_parserr(&r->msg, ns_s_ns, 0, &rr) == 0 &&
	       ns_rr_type(rr) == ns_t_ns;
}

// Opens the message. OK: its answer section may be read.
static enum answer_outcome
wire_open(struct wire_reply *r, const unsigned char *msg, size_t len)
{
	if (msg == NULL || len > NS_MAXMSG ||
	    ns_initparse(msg, (int)len, &r->msg) < 0)
		return ANSWER_UNREADABLE;
	unsigned records = 0;
	for (int section = ns_s_an; section <= ns_s_ar; section++)
		records += ns_msg_count(r->msg, (ns_sect)section);
	if (records > WIRE_RECORD_MAX || !ns_msg_getflag(r->msg, ns_f_qr) ||
	    ns_msg_getflag(r->msg, ns_f_opcode) != ns_o_query)
		return ANSWER_UNREADABLE;
	r->n_answers = ns_msg_count(r->msg, ns_s_an);

	int rcode = wire_rcode(r);
	if (rcode < 0)
		return ANSWER_UNREADABLE;
	// A server that could not read the question need not repeat it.
	bool excused = rcode != ns_r_noerror && rcode != ns_r_nxdomain &&
		       ns_msg_count(r->msg, ns_s_qd) == 0;
	if (!excused && !wire_is_our_question(r))
		return ANSWER_UNREADABLE;
	switch (rcode) {
	case ns_r_noerror:
		// c-ares went to TCP for the rest; an MX set with hosts missing
		// must not pass for the whole.
		if (ns_msg_getflag(r->msg, ns_f_tc))
			return ANSWER_UNREADABLE;
		return wire_is_referral(r) ? ANSWER_SERVFAIL : ANSWER_OK;
	case ns_r_nxdomain:
		return ANSWER_NXDOMAIN;
	case ns_r_refused:
		return ANSWER_REFUSED;
	default:
		return ANSWER_SERVFAIL;
	}
}

// True when the name is below the other one; both as the message has them.
static bool
wire_is_below(const char *name, const char *other)
{
	size_t len = strlen(name), tail = strlen(other);

	if (strcmp(other, ".") == 0)
		return len > 0;
	if (len < tail + 2 || strcasecmp(name + len - tail, other) != 0 ||
	    name[len - tail - 1] != '.')
		return false;
	// A dot of a label's own has an odd number of backslashes before it.
	size_t escapes = 0;
	while (
	    escapes < len - tail - 1 && name[len - tail - 2 - escapes] == '\\')
		escapes++;
	return escapes % 2 == 0;
}

// True when the record is a DNAME that redirects `owner` (RFC 6672: what is
// below its own name), or the signature of that, or of the CNAME there.
static bool
wire_goes_with_alias(const ns_rr *rr, const char *owner)
{
	unsigned type = ns_rr_type(*rr);

	if (ns_rr_class(*rr) != ns_c_in)
		return false;
	if (type == ns_t_rrsig && ns_rr_rdlen(*rr) >= sizeof(uint16_t))
		type = ns_get16(ns_rr_rdata(*rr)); // what it signs
	else if (type != ns_t_dname)
		return false;
	if (type == ns_t_cname)
		return strcasecmp(ns_rr_name(*rr), owner) == 0;
	return type == ns_t_dname && wire_is_below(owner, ns_rr_name(*rr));
}

// True when a record of the answer section led on, or goes with one that did.
static bool
wire_is_on_the_way(struct wire_reply *r, unsigned record)
{
	ns_rr rr;

	for (unsigned i = 0; i < r->aliases; i++)
		if (r->alias_at[i] == record)
			return true;
	if (ns_parserr(&r->msg, ns_s_an, (int)record, &rr) < 0)
		return false;
	for (unsigned i = 0; i < r->aliases; i++)
		if (wire_goes_with_alias(&rr, r->way[i]))
			return true;
	return false;
}

// Writes down where the alias at the end of the way leads. False: it is
// malformed.
static bool
wire_lead_on(struct wire_reply *r)
{
	ns_rr alias;

	if (ns_parserr(&r->msg, ns_s_an, (int)r->alias_at[r->aliases], &alias) <
		0 ||
	    !wire_name_in(r, &alias, 0, r->way[r->aliases + 1]))
		return false;
	wire_note_ttl(r, &alias);
	return true;
}

// Looks what is at the end of the way so far; an alias leads on.
static enum wire_found
wire_look(struct wire_reply *r)
{
	enum wire_found found = WIRE_NOTHING;

	for (unsigned i = 0; i < r->n_answers; i++) {
		ns_rr rr;
		if (ns_parserr(&r->msg, ns_s_an, (int)i, &rr) < 0)
			return WIRE_BAD;
		if (wire_is_at(&rr, wire_owner(r), r->type))
			return WIRE_RECORDS;
		if (found == WIRE_NOTHING &&
		    wire_is_at(&rr, wire_owner(r), ns_t_cname)) {
			r->alias_at[r->aliases] = i;
			found = WIRE_ALIAS;
		}
	}
	if (found == WIRE_ALIAS && !wire_lead_on(r))
		return WIRE_BAD;
	return found;
}

// Follows the CNAMEs from the name asked for.
static enum wire_found
wire_follow(struct wire_reply *r)
{
	if (strlen(r->name) >= sizeof(r->way[0]))
		return WIRE_BAD;
	strcpy(r->way[0], r->name);
	r->ttl_s = INT32_MAX;
	for (r->aliases = 0; r->aliases <= WIRE_ALIAS_MAX; r->aliases++) {
		enum wire_found found = wire_look(r);
		if (found != WIRE_ALIAS)
			return found;
	}
	return WIRE_BAD;
}

// True when the other sections speak against a none: by the very records that
// the answer section lacks, or by an OPT among those that say why.
static bool
wire_is_contradicted(struct wire_reply *r)
{
	for (int section = ns_s_ns; section <= ns_s_ar; section++)
		for (int i = 0; i < ns_msg_count(r->msg, section); i++) {
			ns_rr rr;
			if (ns_parserr(&r->msg, (ns_sect)section, i, &rr) < 0)
				return true;
			if (wire_is_at(&rr, r->name, r->type) ||
			    wire_is_at(&rr, wire_owner(r), r->type) ||
			    (section == ns_s_ns && ns_rr_type(rr) == ns_t_opt))
				return true;
		}
	return false;
}

// "There is none" has to be said plainly: by an answer section that is empty,
// or holds the CNAMEs that lead to the name without records and nothing else.
// Whoever puts other things there (an OPT, another's records, an address for an
// MX) is broken or an injector, and the truth may be another.
static bool
wire_is_plain_none(struct wire_reply *r)
{
	for (unsigned i = 0; i < r->n_answers; i++)
		if (!wire_is_on_the_way(r, i))
			return false;
	return !wire_is_contradicted(r);
}

// A server that does not recurse follows CNAMEs as far as its own zones go;
// only a SOA says that the records are missing (RFC 2308 section 2.2), and not
// the rest of the answer. One that recurses went to the end, and may leave the
// SOA out.
static bool
wire_is_partial(struct wire_reply *r)
{
	return r->aliases > 0 && !ns_msg_getflag(r->msg, ns_f_ra) &&
	       !wire_section_has(&r->msg, ns_s_ns, ns_t_soa);
}

// What it comes to when the records asked for are not there; `said` is what the
// response code makes of it.
static enum answer_outcome
wire_none(struct wire_reply *r, enum answer_outcome said)
{
	if (!wire_is_plain_none(r))
		return ANSWER_UNREADABLE;
	if (said == ANSWER_NXDOMAIN)
		return ANSWER_NXDOMAIN;
	return wire_is_partial(r) ? ANSWER_SERVFAIL : ANSWER_NODATA;
}

// True when (a, a_host) is to stand before `b`.
static bool
wire_mx_before(uint16_t a, const char *a_host, const struct answer_mx_host *b)
{
	if (a != b->preference)
		return a < b->preference;
	return strcmp(a_host, b->host) < 0;
}

// Puts a host into its place; what no longer fits falls off the end.
static void
wire_mx_insert(struct answer_mx *out, uint16_t preference, const char *host)
{
	unsigned at = 0;

	for (unsigned i = 0; i < out->n; i++) {
		struct answer_mx_host *mx = &out->mx[i];
		if (strcmp(mx->host, host) != 0)
			continue;
		if (preference >= mx->preference)
			return;
		out->n--;
		memmove(mx, mx + 1, (out->n - i) * sizeof(*mx));
		break;
	}
	while (at < out->n && !wire_mx_before(preference, host, &out->mx[at]))
		at++;
	if (out->n == ANSWER_MX_MAX) {
		out->more = true;
		if (at == ANSWER_MX_MAX)
			return;
		out->n--;
	}
	memmove(
	    &out->mx[at + 1], &out->mx[at], (out->n - at) * sizeof(out->mx[0]));
	out->n++;
	// Without what is left of another name: answers are compared as bytes.
	out->mx[at] = (struct answer_mx_host){.preference = preference};
	strcpy(out->mx[at].host, host);
}

// The host of an MX as the MTA takes it: an address stands for itself, in the
// form of netaddr_format(), and has no name. False: the MTA skips it, too.
static bool
wire_mx_host(const char *text, char host[DNAME_SIZE])
{
	struct netaddr addr;
	char address[NETADDR_TEXT_MAX];

	if (!netaddr_parse_mx(text, &addr))
		return dname_fold_mx(text, strlen(text), host) > 0;
	strcpy(host, netaddr_format(&addr, address));
	return true;
}

// Takes the MX at the end of the way. False: one of them is malformed.
static bool
wire_collect_mx(struct wire_reply *r, struct answer_mx *out)
{
	unsigned records = 0, roots = 0;

	for (unsigned i = 0; i < r->n_answers; i++) {
		ns_rr rr;
		char text[NS_MAXDNAME], host[DNAME_SIZE];
		if (ns_parserr(&r->msg, ns_s_an, (int)i, &rr) < 0)
			return false;
		if (!wire_is_at(&rr, wire_owner(r), ns_t_mx))
			continue;
		if (!wire_name_in(r, &rr, sizeof(uint16_t), text))
			return false;
		wire_note_ttl(r, &rr);
		records++;
		if (text[0] == '\0')
			roots++;
		else if (wire_mx_host(text, host))
			wire_mx_insert(
			    out, (uint16_t)ns_get16(ns_rr_rdata(rr)), host);
	}
	out->null_mx = records == 1 && roots == 1;
	return true;
}

// Takes the addresses there. False: one of them is malformed.
static bool
wire_collect_addr(struct wire_reply *r, int family, struct answer_addr *out)
{
	size_t size = family == AF_INET ? NS_INADDRSZ : NS_IN6ADDRSZ;

	for (unsigned i = 0; i < r->n_answers; i++) {
		ns_rr rr;
		unsigned j = 0;
		if (ns_parserr(&r->msg, ns_s_an, (int)i, &rr) < 0)
			return false;
		if (!wire_is_at(&rr, wire_owner(r), r->type))
			continue;
		if (ns_rr_rdlen(rr) != size)
			return false;
		wire_note_ttl(r, &rr);
		struct netaddr addr = netaddr_from_bytes(
		    family, ns_rr_rdata(rr));
		while (j < out->n && !netaddr_same_ip(&out->addr[j], &addr))
			j++;
		if (j == ANSWER_ADDR_MAX)
			out->more = true;
		else if (j == out->n)
			out->addr[out->n++] = addr;
	}
	return true;
}

// Opens the message and looks for the records asked for. OK: they are at
// the end of the way.
static enum answer_outcome
wire_find(struct wire_reply *r, const unsigned char *msg, size_t len)
{
	enum answer_outcome said = wire_open(r, msg, len);

	if (said != ANSWER_OK && said != ANSWER_NXDOMAIN)
		return said;
	switch (wire_follow(r)) {
	case WIRE_RECORDS: // a name that does not exist has none
		return said == ANSWER_OK ? ANSWER_OK : ANSWER_UNREADABLE;
	case WIRE_NOTHING:
		return wire_none(r, said);
	case WIRE_ALIAS:
	case WIRE_BAD:
		break;
	}
	return ANSWER_UNREADABLE;
}

void
wire_decode_mx(const char *name, const unsigned char *msg, size_t len,
    struct answer_mx *out)
{
	struct wire_reply r = {.name = name, .type = ns_t_mx};

	memset(out, 0, sizeof(*out));
	out->outcome = wire_find(&r, msg, len);
	if (out->outcome != ANSWER_OK)
		return;
	if (!wire_collect_mx(&r, out)) {
		memset(out, 0, sizeof(*out));
		out->outcome = ANSWER_UNREADABLE;
		return;
	}
	out->ttl_s = r.ttl_s;
}

void
wire_decode_addr(const char *name, int family, const unsigned char *msg,
    size_t len, struct answer_addr *out)
{
	mxd_assert(family == AF_INET || family == AF_INET6);
	struct wire_reply r = {
	    .name = name, .type = family == AF_INET ? ns_t_a : ns_t_aaaa};

	memset(out, 0, sizeof(*out));
	out->outcome = wire_find(&r, msg, len);
	if (out->outcome != ANSWER_OK)
		return;
	if (!wire_collect_addr(&r, family, out)) {
		memset(out, 0, sizeof(*out));
		out->outcome = ANSWER_UNREADABLE;
		return;
	}
	out->ttl_s = r.ttl_s;
	const char *owner = wire_owner(&r);
	if (r.aliases > 0 &&
	    dname_fold_mx(owner, strlen(owner), out->canonical) < 0)
		out->canonical[0] = '\0';
}
