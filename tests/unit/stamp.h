// SPDX-License-Identifier: MIT
// The time before each line of the log on standard error.
#ifndef MXD_STAMP_H
#define MXD_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

// Length of the stamp that `line` begins with, its blank included; 0: it has
// none.
static inline size_t
stamp_length(const char *line)
{
	static const char form[] = "0000-00-00T00:00:00.000+00:00 ";

	for (size_t i = 0; i < sizeof(form) - 1; i++) {
		bool ok = line[i] == form[i];
		if (form[i] == '0')
			ok = line[i] >= '0' && line[i] <= '9';
		else if (form[i] == '+')
			ok = line[i] == '+' || line[i] == '-';
		if (!ok)
			return 0;
	}
	return sizeof(form) - 1;
}

// Takes the stamps out of whole lines.
static inline void
stamp_strip(char *text)
{
	char *out = text;

	for (const char *line = text; *line != '\0';) {
		line += stamp_length(line);
		size_t len = strcspn(line, "\n");
		len += line[len] == '\n';
		memmove(out, line, len);
		out += len;
		line += len;
	}
	*out = '\0';
}

#endif
