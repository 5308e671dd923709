// SPDX-License-Identifier: MIT
// What each program of the project does first: flags, configuration, log.
#include "conf/program.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void
usage(FILE *to, const char *name)
{
	fprintf(to,
	    "usage: %s [-t] [-v] [-c FILE]\n"
	    "       %s -V\n"
	    "  -c FILE  configuration (default %s; the embedded defaults\n"
	    "           when that does not exist)\n"
	    "  -t       check the configuration: exit 0, or 2 and say where\n"
	    "  -v       log what a developer wants to see\n"
	    "  -V       print the version\n"
	    "  -h       print this\n",
	    name, name, MXD_CONF_PATH);
}

// Exits on -V, -h and on wrong flags. `*check_out`: -t was there.
static void
read_flags(struct program *p, bool *check_out, int argc, char **argv)
{
	int c;
	while ((c = getopt(argc, argv, "c:tvVh")) != -1) {
		switch (c) {
		case 'c':
			p->path = optarg;
			break;
		case 't':
			*check_out = true;
			break;
		case 'v':
			p->verbose = true;
			break;
		case 'V':
			printf("%s %s\n", p->name, PACKAGE_VERSION);
			exit(EXIT_SUCCESS);
		case 'h':
			usage(stdout, p->name);
			exit(EXIT_SUCCESS);
		default:
			usage(stderr, p->name);
			exit(PROGRAM_EXIT_USAGE);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "%s: unexpected argument \"%s\"\n", p->name,
		    argv[optind]);
		usage(stderr, p->name);
		exit(PROGRAM_EXIT_USAGE);
	}
}

const char *
program_default_path(void)
{
	bool missing = access(MXD_CONF_PATH, F_OK) != 0 && errno == ENOENT;
	return missing ? NULL : MXD_CONF_PATH;
}

// A check prints "FILE:LINE: what"; a start has a line of the log, which goes
// to standard error as long as the configuration does not say where to.
static void
on_warning(const char *text, void *arg)
{
	const bool *check = arg;
	if (*check)
		fprintf(stderr, "%s\n", text);
	else
		log_warn("configuration %s", text);
}

// Good, too, when sockets are handed over at the start, which nobody knows now.
static void
say_good(const struct program *p)
{
	const struct conf *conf = p->conf;
	printf("%s: %s: ok\n", p->name,
	    p->path != NULL ? p->path : "embedded defaults");
	if (conf->listen.socketmap.n + conf->listen.policy.n == 0)
		printf("%s: %s: listen names no socket: mxdetourd starts only "
		       "with one that a supervisor hands over\n",
		    p->name, p->path);
}

struct program
program_start(const char *name, int argc, char **argv)
{
	struct program p = {.name = name};
	struct err err = {0};
	bool check = false;
	read_flags(&p, &check, argc, argv);
	if (p.path == NULL)
		p.path = program_default_path();
	if (p.path == NULL)
		on_warning(MXD_CONF_PATH
		    " does not exist: using the embedded defaults",
		    &check);
	p.conf = conf_load(p.path, on_warning, &check, &err);
	if (p.conf == NULL) {
		fprintf(stderr, "%s\n", err.text);
		exit(PROGRAM_EXIT_USAGE);
	}
	if (check) {
		say_good(&p);
		conf_free(p.conf);
		exit(EXIT_SUCCESS);
	}
	return p;
}

void
program_open_log(const char *name, const struct conf *conf, bool verbose)
{
	struct log_params params = {
	    .program = name,
	    .target = conf->log.to,
	    .level = verbose ? LOG_LEVEL_DEBUG : conf->log.level,
	};
	log_open(&params);
}
