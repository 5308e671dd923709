// SPDX-License-Identifier: MIT
// How every unit test runs: its suite, as TAP on standard output.
#ifndef MXD_UNIT_H
#define MXD_UNIT_H

#include <check.h>
#include <stdlib.h>

// Runs the suite; the exit status is 0 when every test passed.
static inline int
unit_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
