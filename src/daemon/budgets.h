// SPDX-License-Identifier: MIT
// What messages have spent of policy.wait, by the names that MTAs give them.
#ifndef MXD_BUDGETS_H
#define MXD_BUDGETS_H

#include <stdint.h>

enum {
	BUDGETS_MAX = 1024,	// messages remembered: those used last
	BUDGETS_NAME_MAX = 127, // bytes of a name that count
};

struct budgets;

struct budgets *budgets_new(void);
void budgets_free(struct budgets *all); // NULL is fine
// Milliseconds that the message has spent; 0 for "", who has no name.
int64_t budgets_spent(struct budgets *all, const char *name);
void budgets_spend(struct budgets *all, const char *name, int64_t ms);

#endif
