// SPDX-License-Identifier: MIT
// Lists of strings that grow while the configuration is read.
#include "conf/strings.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void *
conf_grow(void *items, unsigned n, size_t size)
{
	if ((n & (n - 1)) == 0) // 0 too
		items = xreallocarray(items, n == 0 ? 1 : (size_t)n * 2, size);
	memset((char *)items + n * size, 0, size);
	return items;
}

const char *
conf_strings_add(struct conf_strings *list, const char *text)
{
	list->item = conf_grow(list->item, list->n, sizeof(*list->item));
	list->item[list->n] = xstrdup(text);
	return list->item[list->n++];
}

void
conf_strings_clear(struct conf_strings *list)
{
	for (unsigned i = 0; i < list->n; i++)
		free(list->item[i]);
	free(list->item);
	*list = (struct conf_strings){0};
}
