// SPDX-License-Identifier: MIT
// mxdetour-milter: tells the daemon of mail before it is queued.
#include "base/attr.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/str.h"
#include "conf/program.h"
#include "milter/asker.h"
#include "milter/filter.h"

#include <libmilter/mfapi.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <syslog.h>
#include <time.h>

enum {
	// Connections to the daemon beyond those that it lets wait: for the
	// answers that it gives at once.
	SPARE_CONNECTIONS = 14,
	FLUSH_MS = 250,
};

// libmilter's own messages would go to syslog(3), which blocks for good when
// nobody reads /dev/log: these take its place in this program.
static void PRINTF(1, 0) log_foreign(const char *fmt, va_list ap)
{
	char text[LOG_LINE_MAX];
	vsnprintf(text, sizeof(text), fmt, ap);
	log_warn("libmilter text=\"%s\"", text);
}

#undef syslog // with fortification a macro, for clang
void
syslog(int priority, const char *fmt, ...)
{
	va_list ap;
	(void)priority;
	va_start(ap, fmt);
	log_foreign(fmt, ap);
	va_end(ap);
}

void __syslog_chk(int priority, int flag, const char *fmt, ...);
void
__syslog_chk(int priority, int flag, const char *fmt, ...)
{
	va_list ap;
	(void)priority;
	(void)flag;
	va_start(ap, fmt);
	log_foreign(fmt, ap);
	va_end(ap);
}

// Tells the supervisor that the socket is open, until that has been heard; and
// writes the lines that the log's reader did not take at once.
static void *
keep_house(void *arg)
{
	const struct timespec pause = {.tv_nsec = FLUSH_MS * 1000000L};
	const struct notify *notify = arg;
	struct err err;
	bool told = false, warned = false;
	for (;;) {
		if (!told)
			told = notify_send(notify, &err, "READY=1") == 0;
		if (!told && !warned) {
			warned = true;
			log_warn("supervisor error=\"%s\"", err.text);
		}
		nanosleep(&pause, NULL);
		if (log_pending())
			log_flush();
	}
	return NULL;
}

// Signals are libmilter's thread's alone. No WATCHDOG=1 comes from here: it
// would vouch for this thread only, and not for those that do the work.
static int
start_keeping_house(struct notify *notify, struct err *err)
{
	pthread_t thread;
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int failed = pthread_create(&thread, NULL, keep_house, notify);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (failed)
		return err_set_errno(err, failed, "no thread can be made");
	pthread_detach(thread);
	return 0;
}

// A session of the MTA is a descriptor, and libmilter that finds none left
// tries again at once, for as long as that lasts.
static void
raise_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_warn("descriptors: the limit cannot be raised");
}

int
main(int argc, char **argv)
{
	struct err err = {0};
	static struct notify notify; // for a thread that may outlive us

	signal(SIGPIPE, SIG_IGN);
	struct program p = program_start("mxdetour-milter", argc, argv);
	program_open_log(p.name, p.conf, p.verbose);
	raise_limit();
	if (notify_take(&notify, &err) < 0)
		log_fatal("start error=\"%s\"", err.text);
	struct asker *asker = asker_new(p.conf->milter.daemon,
	    p.conf->policy.max_waiting + SPARE_CONNECTIONS, &err);
	if (asker == NULL || filter_register(p.conf, asker, &err) < 0 ||
	    filter_open(p.conf, &err) < 0)
		log_fatal("start error=\"%s\"", err.text);
	log_info("start version=%s file=%s mode=%s listen=%s daemon=%s",
	    PACKAGE_VERSION, p.path != NULL ? p.path : "(defaults)",
	    p.conf->observe ? "observe" : "enforce", p.conf->milter.listen,
	    p.conf->milter.daemon);
	if (start_keeping_house(&notify, &err) < 0)
		log_fatal("start error=\"%s\"", err.text);
	int result = smfi_main();
	// Threads of sessions may still run: what they use stays.
	log_info("end status=%d", result);
	log_close();
	return result == MI_SUCCESS ? EXIT_SUCCESS : EXIT_FAILURE;
}
