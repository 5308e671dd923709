// SPDX-License-Identifier: MIT
// The host's own full name.
#include "conf/hostname.h"

#include "base/attr.h"
#include "unit/conffile.h"
#include "unit/unit.h"

START_TEST(test_hostname_full)
{
	static const struct {
		const char *name, *hosts, *mailname, *want;
	} rows[] = {
	    {"MX1.isp.example", "192.0.2.1 mx1.other.example\n", "x.example\n",
		"mx1.isp.example"},
	    {"mx1", "127.0.0.1 localhost\n192.0.2.1\tMX1.isp.example mx1\n", "",
		"mx1.isp.example"},
	    {"mx1", "192.0.2.1 mx1 mx1.isp.example\n", "", "mx1.isp.example"},
	    {"mx1",
		"#192.0.2.1 mx1.old.example\n192.0.2.1 mx10.isp.example "
		"# mx1.no.example\n",
		"", "mx1"},
	    {"mx1", "192.0.2.1 mx1\n", "mx1.isp.example\n", "mx1.isp.example"},
	    {"mx1", "", "isp.example\n", "mx1"},
	    {"mx1", NULL, NULL, "mx1"},
	    {"mx1", "192.0.2.1 mx1.\n\r\n192.0.2.1 mx1.isp.example\r\n", NULL,
		"mx1.isp.example"},
	    {"", "192.0.2.1 .example\n", NULL, "localhost"},
	    {"(none)", NULL, NULL, "localhost"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char out[DNAME_SIZE];
		unlink("hosts");
		unlink("mailname");
		if (rows[i].hosts != NULL)
			conffile_write("hosts", rows[i].hosts);
		if (rows[i].mailname != NULL)
			conffile_write("mailname", rows[i].mailname);
		hostname_full(rows[i].name, "hosts", "mailname", out);
		ck_assert_msg(
		    strcmp(out, rows[i].want) == 0, "row %zu: %s", i, out);
	}
}
END_TEST

START_TEST(test_hostname_own_is_a_name)
{
	char out[DNAME_SIZE] = "", again[DNAME_SIZE];
	hostname_own(out);
	ck_assert_int_gt(dname_fold_host(out, strlen(out), again), 0);
	ck_assert_str_eq(out, again);
}
END_TEST

static Suite *
hostname_suite(void)
{
	Suite *suite = suite_create("hostname");
	TCase *tc = tcase_create("hostname");
	tcase_add_checked_fixture(tc, conffile_begin, conffile_end);
	tcase_add_test(tc, test_hostname_full);
	tcase_add_test(tc, test_hostname_own_is_a_name);
	suite_add_tcase(suite, tc);
	return suite;
}

int
main(void)
{
	return unit_run(hostname_suite());
}
