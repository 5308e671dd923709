// SPDX-License-Identifier: MIT
// One message on its way through the filter.
#include "milter/message.h"

#include "base/dname.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "milter/envelope.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TO_MAX = 321 }; // RFC 5321 section 4.5.3.1, and the NUL

void
message_begin(
    struct message *m, const char *sender, size_t len, const char *instance)
{
	message_end(m);
	m->sender = xstrndup(sender, len);
	snprintf(m->instance, sizeof(m->instance), "%s", instance);
}

void
message_end(struct message *m)
{
	for (unsigned i = 0; i < m->n; i++)
		free(m->route[i].to);
	free(m->route);
	free(m->sender);
	*m = (struct message){0};
}

int64_t
message_budget(const struct message *m, int64_t wait_max_ms, int64_t *wait_ms)
{
	int64_t left_ms = MESSAGE_BUDGET_MS - m->spent_ms;
	int64_t wait_left_ms = wait_max_ms - m->spent_ms;
	*wait_ms = 0;
	if (left_ms <= 0)
		return 0;
	if (wait_left_ms > left_ms - MESSAGE_SLACK_MS)
		wait_left_ms = left_ms - MESSAGE_SLACK_MS;
	if (wait_left_ms > 0)
		*wait_ms = wait_left_ms;
	int64_t limit_ms = *wait_ms + MESSAGE_REPLY_MS;
	return limit_ms < left_ms ? limit_ms : left_ms;
}

// What a line calls the recipient by.
static void
name_recipient(const char *mailbox, size_t len, bool whole, char out[TO_MAX])
{
	char domain[DNAME_SIZE];
	size_t domain_len = 0;
	const char *text = envelope_domain(mailbox, len, &domain_len);
	if (whole)
		str_printable(out, TO_MAX, mailbox, len);
	else if (text != NULL && dname_fold(text, domain_len, domain) >= 0)
		memcpy(out, domain, strlen(domain) + 1);
	else
		str_printable(
		    out, TO_MAX, text != NULL ? text : "", domain_len);
	if (out[0] == '\0')
		strcpy(out, "-");
}

static struct message_route *
find(struct message *m, const char *to)
{
	for (unsigned i = 0; i < m->n; i++)
		if (strcmp(m->route[i].to, to) == 0)
			return &m->route[i];
	return NULL;
}

void
message_add(struct message *m, const char *mailbox, size_t len, bool whole,
    const struct question_reply *reply)
{
	char to[TO_MAX];
	name_recipient(mailbox, len, whole, to);
	struct message_route *route = find(m, to);
	if (route == NULL && m->n == MESSAGE_ROUTES_MAX) {
		m->more++;
		return;
	}
	if (route == NULL) {
		if (m->n == m->size) {
			m->size = m->size > 0 ? 2 * m->size : 1;
			m->route = xreallocarray(
			    m->route, m->size, sizeof(*m->route));
		}
		route = &m->route[m->n++];
		route->to = xstrdup(to);
	}
	route->reply = *reply;
}

// "example.cn", "-" for the null sender and for one without a domain.
static void
name_sender(const struct message *m, char out[TO_MAX])
{
	size_t len = strlen(m->sender), domain_len;
	strcpy(out, "-");
	if (envelope_domain(m->sender, len, &domain_len) != NULL)
		name_recipient(m->sender, len, false, out);
}

void
message_say(const struct message *m, const char *qid)
{
	char from[TO_MAX], id[64] = "-";
	if (m->sender == NULL)
		return;
	name_sender(m, from);
	if (qid != NULL)
		str_printable(id, sizeof(id), qid, strlen(qid));
	for (unsigned i = 0; i < m->n; i++) {
		const struct question_reply *r = &m->route[i].reply;
		log_info(
		    "mail qid=%s from=%s to=%s route=%s via=%s reason=%s%s", id,
		    from, m->route[i].to, r->route,
		    r->via[0] != '\0' ? r->via : "-", r->reason,
		    r->observe ? " mode=observe" : "");
	}
	if (m->more > 0)
		log_info("mail qid=%s from=%s more=%u", id, from, m->more);
}

static bool
same_way(const struct question_reply *a, const struct question_reply *b)
{
	return strcmp(a->route, b->route) == 0 && strcmp(a->via, b->via) == 0 &&
	       strcmp(a->reason, b->reason) == 0;
}

static bool
is_repeated(const struct message *m, unsigned i)
{
	for (unsigned k = 0; k < i; k++)
		if (same_way(&m->route[k].reply, &m->route[i].reply))
			return true;
	return false;
}

bool
message_header(const struct message *m, char out[MESSAGE_HEADER_MAX])
{
	struct strbuf b;
	strbuf_init(&b, out, MESSAGE_HEADER_MAX);
	for (unsigned i = 0; i < m->n && !b.truncated; i++) {
		const struct question_reply *r = &m->route[i].reply;
		size_t before = b.len;
		if (is_repeated(m, i))
			continue;
		strbuf_add(&b, "%sroute=%s via=%s reason=%s",
		    b.len > 0 ? ",\n\t" : "", r->route,
		    r->via[0] != '\0' ? r->via : "-", r->reason);
		if (b.truncated)
			out[before] = '\0'; // whole ones only
	}
	return out[0] != '\0';
}
