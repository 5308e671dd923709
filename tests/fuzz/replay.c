// SPDX-License-Identifier: MIT
// TAP: a fuzzer without libFuzzer, fed with its corpus or with the files named.
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "fuzz/fuzz.h"

enum {
	INPUT_MAX = 1 << 20,
	PATH_SIZE = 1024,
};

// Feeds one file; the log names it before, in case that it crashes.
static void
replay(const char *path)
{
	printf("# %s\n", path);
	fflush(stdout);
	FILE *f = fopen(path, "re");
	if (f == NULL) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	char *all = xcalloc(1, INPUT_MAX);
	size_t len = fread(all, 1, INPUT_MAX, f);
	fclose(f);
	char *input = exact_copy(all, len);
	free(all);
	LLVMFuzzerTestOneInput((const uint8_t *)input, len);
	free(input);
}

static int
is_input(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

// Feeds the corpus in the order of its names; returns how many there were.
static int
replay_corpus(const char *dir)
{
	struct dirent **list;
	int n = scandir(dir, &list, is_input, alphasort);
	for (int i = 0; i < n; i++) {
		char path[PATH_SIZE + 1 + sizeof(list[i]->d_name)];
		snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);
		replay(path);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	return n;
}

// "tests/fuzz/corpus/NAME" of the program ".../fuzz_NAME".
static void
find_corpus(const char *program, char dir[PATH_SIZE])
{
	const char *top = getenv("SRCDIR");
	const char *name = strstr(program, "fuzz_");
	mxd_assert(name != NULL);
	snprintf(dir, PATH_SIZE, "%s/tests/fuzz/corpus/%s",
	    top != NULL ? top : ".", name + strlen("fuzz_"));
}

int
main(int argc, char **argv)
{
	int test = 0, failed = 0;
	if (argc > 1) { // to see one again
		for (int i = 1; i < argc; i++)
			replay(argv[i]);
		return EXIT_SUCCESS;
	}
	char dir[PATH_SIZE];
	find_corpus(argv[0], dir);
	int n = replay_corpus(dir);
	failed += n <= 0;
	printf(
	    "%sok %d - %d inputs of %s\n", n > 0 ? "" : "not ", ++test, n, dir);
	for (const struct fuzz_goal *g = fuzz_goals; g->name != NULL; g++) {
		failed += g->times == 0;
		printf("%sok %d - the corpus reaches: %s (%lu times)\n",
		    g->times > 0 ? "" : "not ", ++test, g->name, g->times);
	}
	printf("1..%d\n", test);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
