// SPDX-License-Identifier: MIT
// What is logged about clients, so that no flood of them floods the log.

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "serve/conn.h"
#include "serve/conn_impl.h"

#include <stdio.h>

enum {
	FAULT_LINES = 10, // in a minute
	WINDOW_MS = 60 * 1000,
	BEGINS_MAX = 24, // bytes of broken input that a line shows
};

// Reports the lines about faults that were left out, once the minute is over.
static void
report_faults(struct conn_pool *pool, int64_t now)
{
	if (now - pool->faults_since < WINDOW_MS)
		return;
	if (pool->faults_suppressed > 0)
		log_warn("conn suppressed=%llu text=\"further connections were "
			 "cut for such faults, not logged one by one\"",
		    (unsigned long long)pool->faults_suppressed);
	pool->faults_suppressed = 0;
	pool->fault_lines = 0;
	pool->faults_since = now;
}

// Reports, at most once a minute, that the limit makes clients suffer.
static void
report_limit(struct conn_pool *pool, int64_t now)
{
	if (pool->limit_evicted == 0 && pool->limit_refused == 0)
		return;
	if (pool->limit_logged_at >= 0 &&
	    now - pool->limit_logged_at < WINDOW_MS)
		return;
	log_warn(
	    "conn error=too-many-connections limit=%u closed=%llu "
	    "refused=%llu text=\"idle connections were closed, or new ones "
	    "refused; see max_connections\"",
	    pool->params.max, (unsigned long long)pool->limit_evicted,
	    (unsigned long long)pool->limit_refused);
	pool->limit_logged_at = now;
	pool->limit_evicted = 0;
	pool->limit_refused = 0;
}

// The first word of broken input tells a browser from a TLS handshake. It is
// not shown when it looks like an address: local parts stay out of the log.
static void
describe_input(const struct conn *c, char out[BEGINS_MAX + 1])
{
	const char *p = c->in.data + c->in.start;
	size_t len = conn_buf_len(&c->in);
	size_t n = 0;

	while (n < len && p[n] != ' ' && p[n] != '\r' && p[n] != '\n' &&
	       p[n] != '@')
		n++;
	if (n < len && p[n] == '@')
		n = 0;
	str_printable(out, BEGINS_MAX + 1, p, n);
	if (out[0] == '\0')
		snprintf(out, BEGINS_MAX + 1, "-");
}

void
conn_log_fault(struct conn *c, const char *error, const char *text)
{
	struct conn_pool *pool = c->pool;
	char begins[BEGINS_MAX + 1];

	report_faults(pool, clock_now());
	if (pool->fault_lines >= FAULT_LINES) {
		pool->faults_suppressed++;
		conn_pool_arm_sweep(pool);
		return;
	}
	pool->fault_lines++;
	describe_input(c, begins);
	log_warn("conn proto=%s peer=%s error=%s requests=%llu begins=%s "
		 "text=\"%s\"",
	    c->protocol->name, c->peer, error, (unsigned long long)c->requests,
	    begins, text);
}

void
conn_log_report(struct conn_pool *pool, int64_t now)
{
	report_faults(pool, now);
	report_limit(pool, now);
}

bool
conn_log_pending(const struct conn_pool *pool)
{
	return pool->faults_suppressed > 0 || pool->limit_evicted > 0 ||
	       pool->limit_refused > 0;
}
