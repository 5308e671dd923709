// SPDX-License-Identifier: MIT
// A scripted DNS server on loopback, for tests: UDP and TCP, same port.
#ifndef MXD_FAKEDNS_H
#define MXD_FAKEDNS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/netaddr.h"

struct event_base;
struct fakedns;

enum fakedns_kind {
	FAKEDNS_NXDOMAIN, // also what a question without a script gets
	FAKEDNS_ANSWER,	  // NOERROR with the records; none of them: NODATA
	FAKEDNS_SERVFAIL,
	FAKEDNS_REFUSED,
	FAKEDNS_FORMERR, // to questions with EDNS; else the records
	FAKEDNS_SILENCE,
	FAKEDNS_TRUNCATED, // by UDP cut off, by TCP the records
	FAKEDNS_BROKEN,	   // header and question right, records cut off
	FAKEDNS_GARBAGE,   // what is no answer to the question, and silence
	FAKEDNS_CLOSE,	   // by TCP the connection is closed; by UDP silence
};

// What becomes of questions with EDNS.
enum fakedns_edns {
	FAKEDNS_EDNS_SPOKEN,	   // as scripted, with an OPT
	FAKEDNS_EDNS_IGNORED,	   // as scripted, without
	FAKEDNS_EDNS_SILENCE,	   // none is answered
	FAKEDNS_EDNS_FORMERR,	   // a header alone
	FAKEDNS_EDNS_FORMERR_NAME, // with the question
	FAKEDNS_EDNS_FORMERR_OPT,  // with the question and an OPT
	FAKEDNS_EDNS_NOTIMP,
	FAKEDNS_EDNS_SERVFAIL,
	FAKEDNS_EDNS_REFUSED,
	FAKEDNS_EDNS_BADVERS,
	FAKEDNS_EDNS_SWAPPED, // the OPT as the answer, the answer as additional
};

struct fakedns_record {
	const char *owner; // NULL: the name asked for
	uint16_t type;	   // ns_t_a, ns_t_aaaa, ns_t_cname, ns_t_mx
	uint32_t ttl_s;
	uint16_t preference; // of MX
	const char *data;    // address, or name ("." is the root)
};

// Copied but for the strings and records, which have to stay.
struct fakedns_script {
	const char *name;
	uint16_t type;
	enum fakedns_kind kind;
	const struct fakedns_record *records;
	unsigned n_records;
	unsigned delay_ms;
	unsigned
	    times; // then the next script of this name and type; 0: for good
};

// Listens on 127.0.0.1, on `port` or, with 0, on a free one. Aborts when that
// cannot be.
struct fakedns *fakedns_new(struct event_base *base, uint16_t port);
// Closes its sockets; what it still meant to say stays unsaid. NULL is fine.
void fakedns_free(struct fakedns *f);
// Where it listens.
struct netaddr fakedns_addr(const struct fakedns *f);

// Adds a script behind those there are.
void fakedns_add(struct fakedns *f, const struct fakedns_script *script);

// From now on; at first SPOKEN.
void fakedns_set_edns(struct fakedns *f, enum fakedns_edns edns);
// Loses the next question and every nth after it; 0: none.
void fakedns_lose(struct fakedns *f, unsigned every);

// Questions received: all, those by TCP, those of a name and type.
unsigned fakedns_questions(const struct fakedns *f);
unsigned fakedns_tcp_questions(const struct fakedns *f);
unsigned
fakedns_asked(const struct fakedns *f, const char *name, uint16_t type);
// Questions that came with EDNS, and the size their OPT told.
unsigned fakedns_edns_questions(const struct fakedns *f);
unsigned fakedns_edns_size(const struct fakedns *f);
// The source port of the last question by UDP.
unsigned fakedns_peer_port(const struct fakedns *f);

#endif
