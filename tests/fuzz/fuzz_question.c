// SPDX-License-Identifier: MIT
// Fuzzes what the milter reads: the daemon's replies, and paths of envelopes.
#include "fuzz/fuzz.h"
#include "milter/envelope.h"
#include "milter/question.h"

#include <stdio.h>
#include <string.h>

enum { GOAL_OURS, GOAL_REFUSAL, GOAL_NOT_OURS, GOAL_DOMAIN, GOAL_ROUTED };
struct fuzz_goal fuzz_goals[] = {
    [GOAL_OURS] = {"a reply of ours", 0},
    [GOAL_REFUSAL] = {"a refusal", 0},
    [GOAL_NOT_OURS] = {"a list that is no reply of ours", 0},
    [GOAL_DOMAIN] = {"a mailbox with a domain", 0},
    [GOAL_ROUTED] = {"a path with a source route", 0},
    {NULL, 0},
};

// Whether it is one word of a log line, or of a header.
static bool
is_word(const char *text, size_t size)
{
	size_t len = strnlen(text, size);
	for (size_t i = 0; i < len; i++)
		if (text[i] <= 0x20 || text[i] == 0x7f)
			return false;
	return len < size;
}

static void
check_refusal(const struct question_reply *r)
{
	size_t len = strnlen(r->text, sizeof(r->text));
	char class = r->action == QUESTION_DEFER ? '4' : '5';
	mxd_assert(strlen(r->code) == 5 && r->code[0] == class);
	mxd_assert(r->code[1] == '.' && r->code[3] == '.');
	mxd_assert(len < sizeof(r->text) && memchr(r->text, '%', len) == NULL);
	for (size_t i = 0; i < len; i++)
		mxd_assert(r->text[i] >= 0x20 && r->text[i] < 0x7f);
	fuzz_reach(GOAL_REFUSAL);
}

static void
check_reply(const char *data, size_t size)
{
	struct attrlist list;
	struct question_reply reply;
	size_t used;
	if (attrlist_decode(data, size, &list, &used) != DECODED_OK)
		return;
	if (!question_decode_reply(&list, &reply)) {
		fuzz_reach(GOAL_NOT_OURS);
		return;
	}
	mxd_assert(is_word(reply.route, sizeof(reply.route)));
	mxd_assert(is_word(reply.via, sizeof(reply.via)));
	mxd_assert(is_word(reply.reason, sizeof(reply.reason)));
	mxd_assert(reply.route[0] != '\0' && reply.reason[0] != '\0');
	fuzz_reach(GOAL_OURS);
	if (reply.action != QUESTION_ACCEPT)
		check_refusal(&reply);
}

// What is asked about is a part of the path, and makes one request.
static void
check_path(const char *data, size_t size)
{
	char path[1024], request[QUESTION_MAX];
	size_t len, domain_len;
	snprintf(path, sizeof(path), "%.*s", (int)(size & 1023), data);
	const char *mailbox = envelope_mailbox(path, &len);
	mxd_assert(mailbox >= path && mailbox + len <= path + strlen(path));
	if (mailbox > path + 1 && mailbox[-1] == ':')
		fuzz_reach(GOAL_ROUTED);
	const char *domain = envelope_domain(mailbox, len, &domain_len);
	if (domain == NULL)
		return;
	mxd_assert(domain > mailbox && domain + domain_len == mailbox + len);
	fuzz_reach(GOAL_DOMAIN);
	const struct question q = {
	    .recipient = mailbox,
	    .recipient_len = len,
	    .rewritten = path,
	    .sender = path,
	    .instance = "fuzz",
	    .sasl_username = path,
	    .client_address = "",
	};
	size_t n = question_encode(&q, request);
	struct attrlist list;
	size_t used;
	const char *value;
	if (memchr(mailbox, '\n', len) != NULL) {
		mxd_assert(n == 0);
		return;
	}
	mxd_assert(attrlist_decode(request, n, &list, &used) == DECODED_OK);
	mxd_assert(used == n);
	mxd_assert(attrlist_get(&list, "recipient", &value, &domain_len));
	mxd_assert(domain_len == len && memcmp(value, mailbox, len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = exact_copy((const char *)data, size);
	check_reply(copy, size);
	check_path(copy, size);
	free(copy);
	return 0;
}
