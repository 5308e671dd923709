// SPDX-License-Identifier: MIT
// What messages have spent of policy.wait, by the names that MTAs give them.
#include "daemon/budgets.h"

#include "base/hash.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct budget { // of one message, that has waited
	TAILQ_ENTRY(budget) by_use;
	LIST_ENTRY(budget) in_bucket;
	char name[BUDGETS_NAME_MAX + 1];
	int64_t spent_ms;
};

LIST_HEAD(bucket, budget);

struct budgets {
	TAILQ_HEAD(budget_list, budget) used; // most recently used first
	unsigned n;
	struct bucket bucket[BUDGETS_MAX]; // by the hash of the name
	struct hash_key key;
};

struct budgets *
budgets_new(void)
{
	struct budgets *all = xcalloc(1, sizeof(*all));
	TAILQ_INIT(&all->used);
	all->key = hash_key_random();
	return all;
}

static void
forget(struct budgets *all, struct budget *b)
{
	TAILQ_REMOVE(&all->used, b, by_use);
	LIST_REMOVE(b, in_bucket);
	all->n--;
	free(b);
}

void
budgets_free(struct budgets *all)
{
	struct budget *b;
	if (all == NULL)
		return;
	while ((b = TAILQ_FIRST(&all->used)) != NULL)
		forget(all, b);
	free(all);
}

static size_t
name_len(const char *name)
{
	return strnlen(name, BUDGETS_NAME_MAX);
}

static struct bucket *
bucket_of(struct budgets *all, const char *name)
{
	uint64_t hash = hash_bytes(&all->key, name, name_len(name));
	return &all->bucket[hash % BUDGETS_MAX];
}

// The record of a message, now used last. NULL: there is none.
static struct budget *
find(struct budgets *all, const char *name)
{
	struct budget *b;
	LIST_FOREACH (b, bucket_of(all, name), in_bucket)
		if (strncmp(b->name, name, BUDGETS_NAME_MAX) == 0)
			break;
	if (b != NULL) {
		TAILQ_REMOVE(&all->used, b, by_use);
		TAILQ_INSERT_HEAD(&all->used, b, by_use);
	}
	return b;
}

int64_t
budgets_spent(struct budgets *all, const char *name)
{
	const struct budget *b = find(all, name);
	return b != NULL ? b->spent_ms : 0;
}

void
budgets_spend(struct budgets *all, const char *name, int64_t ms)
{
	if (name[0] == '\0')
		return;
	struct budget *b = find(all, name);
	if (b == NULL) {
		if (all->n == BUDGETS_MAX)
			forget(all, TAILQ_LAST(&all->used, budget_list));
		b = xcalloc(1, sizeof(*b));
		memcpy(b->name, name, name_len(name));
		TAILQ_INSERT_HEAD(&all->used, b, by_use);
		LIST_INSERT_HEAD(bucket_of(all, name), b, in_bucket);
		all->n++;
	}
	b->spent_ms += ms;
}
