// SPDX-License-Identifier: MIT
// Prints every key of the configuration: name, default ("-": must be given),
// "no-effect" or "-", and what is allowed, separated by tabs.
#include <stdio.h>
#include <string.h>

#include "conf/key.h"

static const struct conf_key *
find(const struct conf_keys *keys, const char *name)
{
	for (unsigned i = 0; i < keys->n; i++) {
		const struct conf_key *key = &keys->key[i];
		if (strcmp(key->name, name) == 0)
			return key;
		if (key->type == KEY_LIST)
			key = find(key->list, name);
		else
			key = NULL;
		if (key != NULL)
			return key;
	}
	return NULL;
}

static void
print_key(const char *name, const char *dflt, void *arg)
{
	FILE *out = arg;
	const struct conf_key *key = find(&conf_main_keys, name);
	if (key == NULL)
		key = find(&conf_provider_keys, name);
	fprintf(out, "%s\t%s\t", name, dflt[0] == '\0' ? "-" : dflt);
	if (key == NULL) {
		fputs("?\t?\n", out);
		return;
	}
	fprintf(out, "%s\t", (key->flags & KEY_NO_EFFECT) ? "no-effect" : "-");
	conf_key_allowed(key, out);
	putc('\n', out);
}

int
main(void)
{
	conf_each_key(print_key, stdout);
	return ferror(stdout) || fflush(stdout) != 0 ? 1 : 0;
}
