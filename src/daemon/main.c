// SPDX-License-Identifier: MIT
// mxdetourd: tells the MTA, per destination domain, which way works.
#include "base/log.h"
#include "conf/program.h"
#include "daemon/daemon.h"
#include "daemon/params.h"

#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>

// libevent's own warnings belong into the log, not on standard error.
static void
on_event_log(int severity, const char *text)
{
	log_line(severity == EVENT_LOG_ERR ? LOG_LEVEL_ERR : LOG_LEVEL_WARN,
	    "event text=\"%s\"", text);
}

int
main(int argc, char **argv)
{
	struct err err = {0};
	struct listener_fds fds;

	signal(SIGPIPE, SIG_IGN);
	// A reload that is asked for meanwhile waits until there is something
	// to reload.
	sigset_t hup;
	sigemptyset(&hup);
	sigaddset(&hup, SIGHUP);
	sigprocmask(SIG_BLOCK, &hup, NULL);
	struct program p = program_start("mxdetourd", argc, argv);
	program_open_log(p.name, p.conf, p.verbose);
	event_set_log_callback(on_event_log);
	params_raise_limit();
	struct notify notify;
	if (notify_take(&notify, &err) < 0 ||
	    listener_fds_take(&fds, &err) < 0) {
		conf_free(p.conf);
		log_fatal("start error=\"%s\"", err.text);
	}
	struct daemon_params params = {
	    .conf = p.conf,
	    .conf_path = p.path,
	    .verbose = p.verbose,
	    .fds = &fds,
	    .notify = notify,
	};
	struct daemon *d = daemon_new(&params, &err);
	if (d == NULL)
		log_fatal("start error=\"%s\"", err.text);
	sigprocmask(SIG_UNBLOCK, &hup, NULL);
	int failed = daemon_run(d, &err);
	if (failed)
		log_err("run error=\"%s\"", err.text);
	daemon_free(d);
	log_info("end done");
	log_close();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
