// SPDX-License-Identifier: MIT
// Fuzzes files of domains, and the set that is made of them.
#include "base/dname.h"
#include "base/dnameset.h"
#include "base/mem.h"
#include "base/str.h"
#include "conf/domains.h"
#include "conf/strings.h"
#include "fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>

enum { GOAL_OK, GOAL_SUFFIX, GOAL_BAD };
struct fuzz_goal fuzz_goals[] = {
    [GOAL_OK] = {"a list", 0},
    [GOAL_SUFFIX] = {"a list with a suffix", 0},
    [GOAL_BAD] = {"a bad line", 0},
    {NULL, 0},
};

static bool
any_matches(const struct conf_strings *list, const char *name)
{
	for (unsigned i = 0; i < list->n; i++)
		if (dname_match(list->item[i], name))
			return true;
	return false;
}

// The set says of a name what its patterns say one by one.
static void
check_set(const struct conf_strings *list)
{
	struct dnameset *set = dnameset_new(list->item, list->n);
	for (unsigned i = 0; i < list->n; i++) {
		char name[DNAME_SIZE + 2];
		const char *item = list->item[i];
		bool suffix = item[0] == '*';
		if (suffix)
			fuzz_reach(GOAL_SUFFIX);
		// Itself; what is just below it; its suffix.
		snprintf(name, sizeof(name), "%s", suffix ? item + 2 : item);
		mxd_assert((dnameset_match(set, name) != DNAMESET_NO) ==
			   any_matches(list, name));
		if (!suffix)
			mxd_assert(dnameset_match(set, name) == DNAMESET_EXACT);
		snprintf(name, sizeof(name), "x.%s", suffix ? item + 2 : item);
		mxd_assert((dnameset_match(set, name) != DNAMESET_NO) ==
			   any_matches(list, name));
	}
	dnameset_free(set);
}

// Written one a line, what was kept is kept as it is.
static void
check_again(const struct conf_strings *list)
{
	size_t size = (size_t)list->n * (DNAME_SIZE + 3) + 1;
	char *text = xcalloc(1, size);
	struct conf_strings again = {0};
	struct err err;
	struct strbuf b;
	strbuf_init(&b, text, size);
	for (unsigned i = 0; i < list->n; i++)
		strbuf_add(&b, "%s\n", list->item[i]);
	mxd_assert(domains_parse("again", text, b.len, &again, &err) == 0);
	mxd_assert(again.n == list->n);
	for (unsigned i = 0; i < list->n; i++)
		mxd_assert(strcmp(again.item[i], list->item[i]) == 0);
	conf_strings_clear(&again);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_strings list = {0};
	struct err err = {.text = ""};
	char *text = xcalloc(1, size + 1); // with the NUL that is asked for
	memcpy(text, data, size);
	if (domains_parse("list", text, size, &list, &err) == 0) {
		check_again(&list);
		check_set(&list);
		fuzz_reach(GOAL_OK);
	} else {
		mxd_assert(str_starts_with(err.text, "list:"));
		fuzz_reach(GOAL_BAD);
	}
	conf_strings_clear(&list);
	free(text);
	return 0;
}
