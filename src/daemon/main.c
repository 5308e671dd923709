// SPDX-License-Identifier: MIT
// mxdetourd: tells the MTA, per destination domain, which way works.
#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/params.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	EXIT_USAGE = 2, // wrong flags, or a wrong configuration
};

struct options {
	const char *path; // of the configuration; NULL: not given
	bool check;
	bool verbose;
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: mxdetourd [-t] [-v] [-c FILE]\n"
	    "       mxdetourd -V\n"
	    "  -c FILE  configuration (default %s; the embedded defaults\n"
	    "           when that does not exist)\n"
	    "  -t       check the configuration: exit 0, or 2 and say where\n"
	    "  -v       log what a developer wants to see\n"
	    "  -V       print the version\n",
	    MXD_CONF_PATH);
}

// Exits on -V and on wrong flags.
static struct options
read_options(int argc, char **argv)
{
	struct options o = {0};
	int c;
	while ((c = getopt(argc, argv, "c:tvVh")) != -1) {
		switch (c) {
		case 'c':
			o.path = optarg;
			break;
		case 't':
			o.check = true;
			break;
		case 'v':
			o.verbose = true;
			break;
		case 'V':
			printf("mxdetourd %s\n", PACKAGE_VERSION);
			exit(EXIT_SUCCESS);
		case 'h':
			usage(stdout);
			exit(EXIT_SUCCESS);
		default:
			usage(stderr);
			exit(EXIT_USAGE);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "mxdetourd: unexpected argument \"%s\"\n",
		    argv[optind]);
		usage(stderr);
		exit(EXIT_USAGE);
	}
	return o;
}

static void
on_warning(const char *text, void *arg)
{
	(void)arg;
	fprintf(stderr, "%s\n", text);
}

// libevent's own warnings belong into the log, not on standard error.
static void
on_event_log(int severity, const char *text)
{
	log_line(severity == EVENT_LOG_ERR ? LOG_LEVEL_ERR : LOG_LEVEL_WARN,
	    "event text=\"%s\"", text);
}

// The file that was named, or the default one if it exists; NULL: none.
static const char *
choose_path(const struct options *o)
{
	if (o->path != NULL)
		return o->path;
	if (access(MXD_CONF_PATH, F_OK) == 0 || errno != ENOENT)
		return MXD_CONF_PATH;
	fprintf(stderr,
	    "mxdetourd: %s does not exist: using the embedded defaults\n",
	    MXD_CONF_PATH);
	return NULL;
}

static int
run(struct conf *conf, const char *path, bool verbose)
{
	struct err err = {0};
	struct listener_fds fds;
	struct log_params log = {
	    .program = "mxdetourd",
	    .target = conf->log.to,
	    .level = verbose ? LOG_LEVEL_DEBUG : conf->log.level,
	};
	log_open(&log);
	event_set_log_callback(on_event_log);
	params_raise_limit();
	if (listener_fds_take(&fds, &err) < 0) {
		conf_free(conf);
		log_fatal("start error=\"%s\"", err.text);
	}
	struct daemon_params params = {
	    .conf = conf,
	    .conf_path = path,
	    .verbose = verbose,
	    .fds = &fds,
	};
	struct daemon *d = daemon_new(&params, &err);
	if (d == NULL)
		log_fatal("start error=\"%s\"", err.text);
	int failed = daemon_run(d, &err);
	if (failed)
		log_err("run error=\"%s\"", err.text);
	daemon_free(d);
	log_info("end done");
	log_close();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	struct options o = read_options(argc, argv);
	struct err err = {0};
	const char *path = choose_path(&o);

	signal(SIGPIPE, SIG_IGN);
	struct conf *conf = conf_load(path, on_warning, NULL, &err);
	if (conf == NULL) {
		fprintf(stderr, "%s\n", err.text);
		return EXIT_USAGE;
	}
	if (o.check) {
		printf("mxdetourd: %s: ok\n",
		    path != NULL ? path : "embedded defaults");
		conf_free(conf);
		return EXIT_SUCCESS;
	}
	return run(conf, path, o.verbose);
}
