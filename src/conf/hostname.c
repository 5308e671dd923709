// SPDX-License-Identifier: MIT
// The host's own full name, without asking the DNS.
#include "conf/hostname.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "conf/source.h"

enum { FILE_BYTES_MAX = 1024 * 1024 };

// True when `full` is `name` followed by a dot and more.
static bool
is_full_name(const char *full, const char *name)
{
	return str_starts_with(full, name) && full[strlen(name)] == '.';
}

// Looks through the words of a text for a full name of `name`.
static bool
find_word(char *text, const char *name, char out[DNAME_SIZE])
{
	char *save = NULL;
	for (char *line = strtok_r(text, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		line[strcspn(line, "#")] = '\0';
		char *rest = NULL;
		for (char *word = strtok_r(line, " \t\r", &rest); word != NULL;
		     word = strtok_r(NULL, " \t\r", &rest)) {
			if (dname_fold(word, strlen(word), out) >= 0 &&
			    is_full_name(out, name))
				return true;
		}
	}
	return false;
}

static bool
find_in_file(const char *path, const char *name, char out[DNAME_SIZE])
{
	size_t len;
	char *text = source_slurp(path, FILE_BYTES_MAX, &len);
	if (text == NULL)
		return false;
	bool found = find_word(text, name, out);
	free(text);
	return found;
}

void
hostname_full(const char *name, const char *hosts, const char *mailname,
    char out[DNAME_SIZE])
{
	char folded[DNAME_SIZE];
	if (dname_fold(name, strlen(name), out) >= 0)
		return;
	if (dname_fold_host(name, strlen(name), folded) < 0) {
		snprintf(out, DNAME_SIZE, "localhost");
		return;
	}
	if (find_in_file(hosts, folded, out) ||
	    find_in_file(mailname, folded, out))
		return;
	memcpy(out, folded, sizeof(folded));
}

void
hostname_own(char out[DNAME_SIZE])
{
	char name[HOST_NAME_MAX + 1] = "";
	if (gethostname(name, sizeof(name)) != 0)
		name[0] = '\0';
	name[sizeof(name) - 1] = '\0'; // a long name may come without its NUL
	hostname_full(name, "/etc/hosts", "/etc/mailname", out);
}
