// SPDX-License-Identifier: MIT
// The mail filter: libmilter's callbacks, each in the thread of its connection.
//
// It tells the daemon of every recipient and waits for the route, so that the
// queue manager's lookup a moment later finds it. Whatever goes wrong here, the
// answer to the MTA is "continue".
#include "milter/filter.h"

#include "base/clock.h"
#include "base/listenaddr.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/netaddr.h"
#include "base/recipient.h"
#include "base/sockpath.h"
#include "milter/envelope.h"
#include "milter/message.h"

#include <errno.h>
#include <libmilter/mfapi.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	BACKLOG = 512,	     // connections that wait to be accepted
	CONN_TEXT_MAX = 256, // a unix socket's path has at most 107 bytes
};

// libmilter's prototypes know no const; it changes none of these.
static char filter_name[] = "mxdetour";
static char header_name[] = "X-MX-Route";
static char macro_qid[] = "i", macro_user[] = "{auth_authen}";
static char macro_address[] = "{rcpt_addr}", macro_mailer[] = "{rcpt_mailer}";
static char code_defer[] = "451", code_reject[] = "550";

// libmilter hands its callbacks nothing of ours.
static const struct conf *conf;
static struct asker *asker;
static atomic_ullong messages; // begun since the start

struct session { // a connection of the MTA
	char client[NETADDR_TEXT_MAX];
	struct message message;
};

// -- recipients -------------------------------------------------------------

// A recipient, as one line of the log and one question to the daemon know it.
struct recipient_forms {
	const char *typed; // the mailbox; `len` bytes
	size_t len;
	const char *rewritten; // see there; ""
};

static bool
is_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text >= 0x80)
			return false;
	return true;
}

// What the MTA says that it made of the recipient; "": nothing, or not to the
// letter. To mail by sendmail(1) Postfix gives an address that is not rewritten
// yet, and no mailer. And it folds what is not ASCII: sharp s becomes "ss".
static const char *
rewritten(SMFICTX *ctx, const char *path)
{
	const char *address = smfi_getsymval(ctx, macro_address);
	if (address == NULL || smfi_getsymval(ctx, macro_mailer) == NULL ||
	    !is_ascii(path))
		return "";
	return address;
}

// Asks about a recipient, within what the message has left to wait. When that
// is nothing the daemon is told all the same: so it knows the domain when the
// queue manager asks.
static bool
ask(struct session *s, const struct recipient_forms *r, const char *user,
    struct question_reply *out)
{
	struct message *m = &s->message;
	struct question q = {
	    .recipient = r->typed,
	    .recipient_len = r->len,
	    .rewritten = r->rewritten,
	    .sender = m->sender,
	    .instance = m->instance,
	    .sasl_username = user != NULL ? user : "",
	    .client_address = s->client,
	};
	int64_t limit_ms = message_budget(m, conf->milter.wait_ms, &q.wait_ms);
	int64_t began = clock_now();
	bool answered = asker_ask(asker, &q, limit_ms, out);
	m->spent_ms += clock_now() - began;
	return answered;
}

static sfsistat
refuse(SMFICTX *ctx, struct question_reply *r)
{
	bool defer = r->action == QUESTION_DEFER;
	smfi_setreply(ctx, defer ? code_defer : code_reject, r->code, r->text);
	return defer ? SMFIS_TEMPFAIL : SMFIS_REJECT;
}

// What milter.on_hold adds to what the daemon wants; nothing does while that
// observes, which a reload may have changed since we read the file.
static void
apply_on_hold(struct question_reply *r)
{
	if (conf->milter.on_hold == CONF_DEFER && !r->observe &&
	    r->action == QUESTION_ACCEPT && strcmp(r->route, "hold") == 0) {
		r->action = QUESTION_DEFER;
		strcpy(r->code, "4.4.1");
		strcpy(r->text, "mail to this domain is held for now");
	}
}

// Notes where a recipient goes: by the domain that the MTA made of it, unless
// that is none, as of a user of this host.
static void
note(struct message *m, const struct recipient_forms *r,
    const struct question_reply *reply)
{
	bool whole = conf->log.recipients;
	if (!whole && strchr(r->rewritten, '@') != NULL)
		message_add(
		    m, r->rewritten, strlen(r->rewritten), whole, reply);
	else
		message_add(m, r->typed, r->len, whole, reply);
}

static sfsistat
on_rcpt(SMFICTX *ctx, char **argv)
{
	struct session *s = smfi_getpriv(ctx);
	struct question_reply reply;
	struct recipient_forms r = {.rewritten = rewritten(ctx, argv[0])};
	r.typed = envelope_mailbox(argv[0], &r.len);
	if (s == NULL || s->message.sender == NULL ||
	    recipient_is_user(r.typed, r.len)) // it stays on this host
		return SMFIS_CONTINUE;
	if (!ask(s, &r, smfi_getsymval(ctx, macro_user), &reply))
		return SMFIS_CONTINUE;
	apply_on_hold(&reply);
	if (reply.action != QUESTION_ACCEPT)
		return refuse(ctx, &reply);
	note(&s->message, &r, &reply);
	return SMFIS_CONTINUE;
}

// -- the rest of a session --------------------------------------------------

static sfsistat
on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *address)
{
	struct session *s = xcalloc(1, sizeof(*s));
	(void)host;
	if (address != NULL) { // NULL: mail of a local process, or no IP
		struct netaddr a = netaddr_from_sockaddr(address);
		if (a.family != 0)
			netaddr_format(&a, s->client);
	}
	if (smfi_setpriv(ctx, s) != MI_SUCCESS)
		free(s);
	return SMFIS_CONTINUE;
}

static sfsistat
on_mail(SMFICTX *ctx, char **argv)
{
	struct session *s = smfi_getpriv(ctx);
	char instance[MESSAGE_INSTANCE_MAX];
	size_t len;
	const char *sender = envelope_mailbox(argv[0], &len);
	if (s == NULL)
		return SMFIS_CONTINUE;
	// One in all processes and at all times, or two messages would share a
	// budget.
	snprintf(instance, sizeof(instance), "milter-%ld-%lld-%llu",
	    (long)getpid(), (long long)clock_now(),
	    (unsigned long long)atomic_fetch_add(&messages, 1));
	message_begin(&s->message, sender, len, instance);
	return SMFIS_CONTINUE;
}

static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
	struct session *s = smfi_getpriv(ctx);
	(void)value;
	if (s != NULL && strcasecmp(name, header_name) == 0)
		s->message.forged++;
	return SMFIS_CONTINUE;
}

// Takes those away that came in, last one first, and adds ours.
static void
set_header(SMFICTX *ctx, const struct message *m)
{
	char value[MESSAGE_HEADER_MAX];
	for (unsigned i = m->forged; i > 0; i--)
		smfi_chgheader(ctx, header_name, (int)i, NULL);
	if (message_header(m, value))
		smfi_addheader(ctx, header_name, value);
}

static sfsistat
on_end(SMFICTX *ctx)
{
	struct session *s = smfi_getpriv(ctx);
	if (s == NULL)
		return SMFIS_CONTINUE;
	if (conf->milter.header)
		set_header(ctx, &s->message);
	if (conf->log.lookups != CONF_LOOKUPS_NONE)
		message_say(&s->message, smfi_getsymval(ctx, macro_qid));
	message_end(&s->message);
	return SMFIS_CONTINUE;
}

static sfsistat
on_abort(SMFICTX *ctx)
{
	struct session *s = smfi_getpriv(ctx);
	if (s != NULL)
		message_end(&s->message);
	return SMFIS_CONTINUE;
}

static sfsistat
on_close(SMFICTX *ctx)
{
	struct session *s = smfi_getpriv(ctx);
	if (s != NULL) {
		message_end(&s->message);
		free(s);
		smfi_setpriv(ctx, NULL);
	}
	return SMFIS_CONTINUE;
}

// -- made -------------------------------------------------------------------

int
filter_register(
    const struct conf *with, struct asker *of_daemon, struct err *err)
{
	// libmilter tells the MTA to leave out the steps that are not here.
	struct smfiDesc desc = {
	    .xxfi_name = filter_name,
	    .xxfi_version = SMFI_VERSION,
	    .xxfi_flags = with->milter.header ? SMFIF_ADDHDRS | SMFIF_CHGHDRS
					      : SMFIF_NONE,
	    .xxfi_connect = on_connect,
	    .xxfi_envfrom = on_mail,
	    .xxfi_envrcpt = on_rcpt,
	    .xxfi_header = with->milter.header ? on_header : NULL,
	    .xxfi_eom = on_end,
	    .xxfi_abort = on_abort,
	    .xxfi_close = on_close,
	};
	conf = with;
	asker = of_daemon;
	if (smfi_register(desc) != MI_SUCCESS)
		return err_set(err, "libmilter does not take the filter");
	return 0;
}

// "inet:2530@127.0.0.1", as libmilter writes it.
static int
set_conn(const char *address, const struct listenaddr *parsed, struct err *err)
{
	char text[CONN_TEXT_MAX], ip[NETADDR_TEXT_MAX];
	if (parsed->kind == LISTENADDR_UNIX)
		snprintf(text, sizeof(text), "unix:%s", parsed->path);
	else
		snprintf(text, sizeof(text), "%s:%u@%s",
		    parsed->inet.family == AF_INET6 ? "inet6" : "inet",
		    parsed->inet.port, netaddr_format(&parsed->inet, ip));
	if (smfi_setconn(text) != MI_SUCCESS)
		return err_set(err, "libmilter does not take %s", address);
	return 0;
}

static int
open_unix(const struct conf *with, const char *path, struct err *err)
{
	struct sockpath_id id;
	if (sockpath_make_way(path, err) < 0)
		return -1;
	mode_t old = umask(0177); // nobody, until it has its group and mode
	int result = smfi_opensocket(false);
	int saved = errno;
	umask(old);
	if (result != MI_SUCCESS)
		return err_set_errno(err, saved, "cannot listen on %s", path);
	if (sockpath_identify(path, &id, err) < 0)
		return -1;
	result = sockpath_set_access(
	    path, &id, with->listen.mode, with->listen.group, err);
	if (result < 0)
		sockpath_remove(path, &id);
	return result;
}

int
filter_open(const struct conf *with, struct err *err)
{
	const char *address = with->milter.listen;
	struct listenaddr parsed;
	if (listenaddr_parse(address, &parsed, err) < 0 ||
	    set_conn(address, &parsed, err) < 0)
		return -1;
	smfi_setbacklog(BACKLOG);
	if (parsed.kind == LISTENADDR_UNIX)
		return open_unix(with, parsed.path, err);
	if (smfi_opensocket(false) != MI_SUCCESS)
		return err_set_errno(
		    err, errno, "cannot listen on %s", address);
	return 0;
}
