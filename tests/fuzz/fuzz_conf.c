// SPDX-License-Identifier: MIT
// Fuzzes the configuration, with the files that it names, all in memory.
//
// An input is the main file; after a line "%%NAME" follows another file of the
// directory. Nothing else can be opened: fopen() and access() are the
// fuzzer's (see tests/local.mk).
#include "base/mem.h"
#include "base/str.h"
#include "conf/conf.h"
#include "conf/source.h"
#include "fuzz/fuzz.h"
#include "route/relays.h"
#include "route/render.h"
#include "route/rules.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	GOAL_OK,
	GOAL_BAD,
	GOAL_WARNED,
	GOAL_INCLUDED,
	GOAL_RELAY,
	GOAL_RULE,
	GOAL_PROVIDER,
	GOAL_DOMAINS,
	GOAL_ESCAPE,
};
struct fuzz_goal fuzz_goals[] = {
    [GOAL_OK] = {"a configuration", 0},
    [GOAL_BAD] = {"an error", 0},
    [GOAL_WARNED] = {"a warning", 0},
    [GOAL_INCLUDED] = {"an included file", 0},
    [GOAL_RELAY] = {"a relay", 0},
    [GOAL_RULE] = {"a rule", 0},
    [GOAL_PROVIDER] = {"a provider", 0},
    [GOAL_DOMAINS] = {"a file of local domains", 0},
    [GOAL_ESCAPE] = {"a file elsewhere, refused", 0},
    {NULL, 0},
};

#define DIR_NAME  "/fuzz"
#define MAIN_FILE DIR_NAME "/mxdetour.conf"

enum { FILES_MAX = 8, NAME_MAX_LEN = 64 };

struct file {
	char path[sizeof(DIR_NAME) + 1 + NAME_MAX_LEN];
	const char *text; // into the input
	size_t len;
};

static struct file files[FILES_MAX];
static unsigned n_files;
static bool loading;

static const struct file *
find(const char *path)
{
	for (unsigned i = 0; i < n_files; i++)
		if (strcmp(files[i].path, path) == 0)
			return &files[i];
	// The host's own name may be asked of /etc, whatever the input.
	if (!str_starts_with(path, DIR_NAME "/") &&
	    strcmp(path, "/etc/hosts") != 0 &&
	    strcmp(path, "/etc/mailname") != 0)
		fuzz_reach(GOAL_ESCAPE);
	errno = ENOENT;
	return NULL;
}

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
int __real_access(const char *path, int mode);
int __wrap_access(const char *path, int mode);

FILE *
__wrap_fopen(const char *path, const char *mode)
{
	if (!loading) // libFuzzer's own
		return __real_fopen(path, mode);
	mxd_assert(mode[0] == 'r');
	const struct file *f = find(path);
	if (f == NULL)
		return NULL;
	// It writes nothing to a stream that is read.
	return fmemopen((void *)(uintptr_t)f->text, f->len, "r");
}

int
__wrap_access(const char *path, int mode)
{
	if (!loading)
		return __real_access(path, mode);
	return find(path) != NULL ? 0 : -1;
}

// libconfig 1.5 loses the text of a string near which parsing fails.
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:strbuf_append\nleak:libconfig_yylex\n";
}

// Cuts the input into its files.
static void
cut(const char *text, size_t size)
{
	const char *end = text + size;
	n_files = 1;
	snprintf(files[0].path, sizeof(files[0].path), "%s", MAIN_FILE);
	files[0].text = text;
	files[0].len = size;
	for (const char *p = text; p < end && n_files < FILES_MAX;) {
		const char *line = p;
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		p = newline != NULL ? newline + 1 : end;
		size_t len = (size_t)(p - line);
		if (len < 4 || len > NAME_MAX_LEN || memcmp(line, "%%", 2) != 0)
			continue;
		struct file *before = &files[n_files - 1];
		before->len = (size_t)(line - before->text);
		struct file *f = &files[n_files++];
		snprintf(f->path, sizeof(f->path), "%s/%.*s", DIR_NAME,
		    (int)len - 3, line + 2);
		f->text = p;
		f->len = (size_t)(end - p);
	}
}

// Whether libconfig could read a file of itself: '@' outside of a string.
static bool
has_include(const char *text)
{
	bool string = false;
	for (const char *p = text; *p != '\0'; p++) {
		if (string && *p == '\\' && p[1] != '\0')
			p++;
		else if (*p == '"')
			string = !string;
		else if (*p == '@' && !string)
			return true;
	}
	return false;
}

// Every line of the text that libconfig gets stands somewhere.
static void
check_source(void)
{
	struct source src;
	struct err err;
	if (source_read(MAIN_FILE, DIR_NAME, &src, &err) != 0)
		return;
	unsigned lines = 1;
	for (const char *p = src.text; *p != '\0'; p++)
		lines += *p == '\n';
	mxd_assert(src.n_lines == lines && src.files.n >= 1);
	for (unsigned i = 1; i <= lines; i++) {
		struct source_line where = source_where(&src, i);
		mxd_assert(where.file < src.files.n && where.line >= 1);
	}
	mxd_assert(!has_include(src.text));
	if (src.files.n > 1)
		fuzz_reach(GOAL_INCLUDED);
	source_fini(&src);
}

static void
check_folded(const struct conf_strings *list)
{
	char again[DNAME_SIZE + 2];
	for (unsigned i = 0; i < list->n; i++) {
		mxd_assert(dname_pattern_fold(list->item[i], again));
		mxd_assert(strcmp(list->item[i], again) == 0);
	}
}

// The ranges that other rooms rely on without another look.
static void
check_ranges(const struct conf *c)
{
	mxd_assert(
	    c->cache.max_domains >= 1000 && c->cache.max_domains <= 16000000);
	mxd_assert(c->listen.max_connections >= 1 && c->listen.mode <= 0777);
	mxd_assert(c->dns.concurrency >= 1 && c->dns.tries >= 1);
	mxd_assert(
	    c->dns.min_ttl_ms > 0 && c->dns.min_ttl_ms <= c->dns.max_ttl_ms);
	mxd_assert(c->probe.concurrency >= 1 && c->probe.per_net >= 1);
	mxd_assert(c->probe.per_second >= 1 && c->probe.port >= 1);
	mxd_assert(c->probe.fall >= 1 && c->probe.fall <= UINT8_MAX);
	mxd_assert(c->probe.rise >= 1 && c->probe.rise <= UINT8_MAX);
	mxd_assert(c->probe.interval_ms > 0 && c->probe.fast_interval_ms > 0);
	mxd_assert(c->probe.down_interval_ms > 0);
	mxd_assert(c->probe.down_interval_ms <= c->probe.down_interval_max_ms);
	mxd_assert(c->probe.ipv4 || c->probe.ipv6);
	mxd_assert(c->self.names.n >= 1);
}

static void
check_lists(const struct conf *c)
{
	check_folded(&c->self.names);
	check_folded(&c->self.local_domains);
	for (unsigned i = 0; i < c->n_rules; i++) {
		const struct conf_rule *r = &c->rules[i];
		check_folded(&r->domains);
		check_folded(&r->mx);
		mxd_assert(r->name[0] != '\0' && r->line >= 1);
		mxd_assert(str_starts_with(r->file, DIR_NAME));
		for (unsigned k = 0; k < r->n_relays; k++)
			mxd_assert(r->relays[k] < c->n_relays);
		fuzz_reach(GOAL_RULE);
	}
	for (unsigned i = 0; i < c->n_relays; i++) {
		const struct conf_relay *r = &c->relays[i];
		mxd_assert(r->port >= 1 && r->weight >= 1 && r->weight <= 1000);
		mxd_assert(r->name[0] != '\0' && r->nexthop[0] == '[');
		for (unsigned k = 0; k < i; k++)
			mxd_assert(strcmp(r->name, c->relays[k].name) != 0);
		fuzz_reach(GOAL_RELAY);
	}
	for (unsigned i = 0; i < c->n_providers; i++) {
		check_folded(&c->providers[i].mx);
		check_folded(&c->providers[i].hosts);
		fuzz_reach(GOAL_PROVIDER);
	}
	for (unsigned i = 0; i < c->files.n; i++)
		mxd_assert(str_starts_with(c->files.item[i], DIR_NAME "/"));
	if (c->self.local_domain_files.n > 0)
		fuzz_reach(GOAL_DOMAINS);
}

// What the configuration lets through, the judgement can work with.
static void
check_use(const struct conf *c)
{
	struct rules *rules = rules_new(c);
	struct relays *relays = relays_new(c, NULL, NULL, 1000);
	bool exact;
	for (unsigned i = 0; i < c->self.local_domains.n; i++)
		if (c->self.local_domains.item[i][0] != '*')
			mxd_assert(rules_is_local(
			    rules, c->self.local_domains.item[i]));
	int rule = rules_match(rules, "d.test", NULL, REACH_NONE, &exact);
	mxd_assert(
	    rule == RULES_NONE || (rule >= 0 && (unsigned)rule < c->n_rules));
	for (unsigned i = 0; i <= c->n_rules; i++) {
		unsigned list = relays_list_of_rule(relays, (int)i - 1);
		const struct relays_choice *choice = relays_pick(
		    relays, list, 0x9e3779b9U * i);
		mxd_assert((choice != NULL) == (c->n_relays > 0));
		if (choice == NULL)
			continue;
		mxd_assert(strlen(choice->transport) < RENDER_REPLY_MAX);
		mxd_assert(str_starts_with(choice->transport, "OK "));
		mxd_assert(str_starts_with(choice->mailer, "OK "));
		mxd_assert(strpbrk(choice->transport, "\r\n") == NULL);
	}
	relays_free(relays);
	rules_free(rules);
}

static void
on_warning(const char *text, void *arg)
{
	(void)arg;
	mxd_assert(str_starts_with(text, DIR_NAME "/"));
	fuzz_reach(GOAL_WARNED);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = {.text = ""};
	cut((const char *)data, size);
	loading = true;
	check_source();
	struct conf *conf = conf_load(MAIN_FILE, on_warning, NULL, &err);
	loading = false;
	if (conf == NULL) {
		mxd_assert(str_starts_with(err.text, DIR_NAME "/"));
		fuzz_reach(GOAL_BAD);
		return 0;
	}
	check_ranges(conf);
	check_lists(conf);
	check_use(conf);
	conf_free(conf);
	fuzz_reach(GOAL_OK);
	return 0;
}
