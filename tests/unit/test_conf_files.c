// SPDX-License-Identifier: MIT
// Files that a configuration names: lists of domains, providers, included ones.
#include "conf/conf.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "conf/domains.h"
#include "conf/strings.h"
#include "unit/conffile.h"
#include "unit/unit.h"

static void
expect_error(const char *path, const char *want)
{
	struct err err = {""};
	struct conf *conf = conf_load(path, NULL, NULL, &err);
	ck_assert_msg(conf == NULL, "accepted; wanted %s", want);
	ck_assert_str_eq(err.text, want);
}

static struct conf *
expect_good(const char *path)
{
	struct err err = {""};
	struct conf *conf = conf_load(path, NULL, NULL, &err);
	ck_assert_msg(conf != NULL, "%s", err.text);
	return conf;
}

START_TEST(test_domains_parse_lines)
{
	static const struct {
		const char *text, *want; // the names joined, or the error
	} rows[] = {
	    {"", ""},
	    {"\n\n \t\n# a\n", ""},
	    {"a.example", "a.example "},
	    {"A.Example.\n*.B.example\n", "a.example *.b.example "},
	    {"a.example\r\n\r\nb.example\r\n", "a.example b.example "},
	    {" a.example # why\nb.example#why\n", "a.example b.example "},
	    {"\xef\xbb\xbf"
	     "a.example\n",
		"a.example "},
	    {"b\xc3\xbc"
	     "cher.example\n",
		"xn--bcher-kva.example "},
	    {"a.example\nb example\n",
		"f:2: \"b example\": must be a domain or "
		"\"*.suffix\"; '#' begins a comment"},
	    {"*\n", "f:1: \"*\": must be a domain or \"*.suffix\"; '#' begins "
		    "a comment"},
	    {"\n\na..b", "f:3: \"a..b\": must be a domain or \"*.suffix\"; '#' "
			 "begins a comment"},
	    {"; a.example\n", "f:1: \"; a.example\": must be a domain or "
			      "\"*.suffix\"; '#' begins a comment"},
	    {"a.example\tOK\n", "f:1: \"a.example OK\": must be a domain or "
				"\"*.suffix\"; '#' begins a comment"},
	    {"user@a.example\n", "f:1: \"user@a.example\": must be a domain or "
				 "\"*.suffix\"; '#' begins a comment"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct conf_strings list = {0};
		struct err err = {""};
		char got[512] = "";
		int rc = domains_parse(
		    "f", rows[i].text, strlen(rows[i].text), &list, &err);
		for (unsigned k = 0; rc == 0 && k < list.n; k++) {
			strcat(got, list.item[k]);
			strcat(got, " ");
		}
		if (rc != 0)
			strcpy(got, err.text);
		ck_assert_msg(
		    strcmp(got, rows[i].want) == 0, "row %zu: got %s", i, got);
		conf_strings_clear(&list);
	}
	struct conf_strings list = {0};
	struct err err;
	ck_assert_int_eq(domains_parse("f", "a.ex\0mple", 9, &list, &err), -1);
	conf_strings_clear(&list);
}
END_TEST

START_TEST(test_conf_lists_of_domains_are_added)
{
	conffile_write("one", "b.example\n*.c.example\n");
	conffile_write("two", "d.example\n");
	conffile_write("c",
	    "self = { local_domains = [\"a.example\"];\n"
	    "local_domain_files = [\"one\", \"two\"]; };\n"
	    "rules = ( { domain = [\"x.example\"]; domain_file = \"two\"; },\n"
	    "{ domain_file = \"one\"; } );\n");
	struct conf *conf = expect_good("c");
	static const char *const want[] = {
	    "a.example", "b.example", "*.c.example", "d.example"};
	ck_assert_uint_eq(conf->self.local_domains.n, ARRAY_LEN(want));
	for (unsigned i = 0; i < ARRAY_LEN(want); i++)
		ck_assert_str_eq(conf->self.local_domains.item[i], want[i]);
	ck_assert_uint_eq(conf->rules[0].domains.n, 2);
	ck_assert_str_eq(conf->rules[0].domains.item[1], "d.example");
	ck_assert_uint_eq(conf->rules[1].domains.n, 2);
	ck_assert_str_eq(conf->rules[1].file, "c");
	ck_assert_uint_eq(conf->rules[0].line, 3);
	ck_assert_uint_eq(conf->rules[1].line, 4);
	conf_free(conf);

	conffile_write("one", "b.example\n-\n");
	expect_error("c", "one:2: \"-\": must be a domain or \"*.suffix\"; '#' "
			  "begins a comment");
	unlink("one");
	conffile_write(
	    "c", "self = { local_domain_files = [\n\"two\",\n\"one\"\n]; };\n");
	expect_error("c", "c:3: self.local_domain_files: cannot read one: No "
			  "such file or directory");
}
END_TEST

// A rule that asks for a list's domains does not become one that asks for none.
START_TEST(test_conf_empty_list_of_domains)
{
	conffile_write("none", "# none\n");
	conffile_write("c", "self = { local_domain_files = [\"none\"]; };\n");
	conf_free(expect_good("c"));
	conffile_write("c",
	    "rules = ( { domain = [\"a.example\"]; domain_file = \"none\"; } "
	    ");");
	conf_free(expect_good("c"));
	conffile_write("c",
	    "rules = ( { mx = [\"*.example\"];\n domain_file = \"none\"; } );");
	struct conf *conf = expect_good("c");
	ck_assert(conf->rules[0].by_domain); // and no domain meets it
	ck_assert_uint_eq(conf->rules[0].domains.n, 0);
	conf_free(conf);
}
END_TEST

START_TEST(test_conf_file_names_are_relative_to_its_directory)
{
	char path[128];
	conffile_write("names", "a.example\n");
	conffile_write("inc", "self = { local_domain_files = [\"names\"]; };\n"
			      "@include \"inc2\"\n");
	conffile_write("inc2", "feed = { file = \"log\"; };\n");
	conffile_write(
	    "p", "providers = ( { name = \"a\"; mx = [\"a.example\"]; } );");
	conffile_write("c", "@include \"inc\"\nprovider_files = [\"p\"];\n");
	snprintf(path, sizeof(path), "%s/c", conffile_dir);
	ck_assert_int_eq(chdir("/"), 0);
	struct conf *conf = expect_good(path);
	ck_assert_uint_eq(conf->self.local_domains.n, 1);
	ck_assert_uint_eq(conf->n_providers, 1);
	ck_assert_str_eq(conf->path, path);
	ck_assert_uint_eq(conf->files.n, 5);
	ck_assert_str_eq(conf->files.item[0], path);
	snprintf(path, sizeof(path), "%s/log", conffile_dir);
	ck_assert_str_eq(conf->feed.file, path);
	snprintf(path, sizeof(path), "%s/names", conffile_dir);
	ck_assert_str_eq(conf->files.item[3], path);
	conf_free(conf);
}
END_TEST

START_TEST(test_conf_included_files_have_their_own_lines)
{
	char path[128], text[256];
	conffile_write("inc", "\nprobe = {\n port = 0; };\n");
	conffile_write("c", "mode = \"observe\";\n@include \"inc\"\n");
	expect_error("c",
	    "inc:3: probe.port = 0: must be a whole number from 1 to 65535");
	conffile_write("inc", "dns = { };\n");
	conffile_write("c", "@include \"inc\"\nmode = 1;\n");
	expect_error("c", "c:2: mode = 1: must be \"enforce\" or \"observe\"");
	conffile_write("c", "dns = { };\n@include \"inc\"\n");
	expect_error(
	    "c", "inc:1: duplicate setting name: dns is given a second time");
	conffile_write("c", "\n@include \"none\"\n");
	expect_error(
	    "c", "c:2: cannot include none: No such file or directory");
	conffile_write("c", "\n@include \".\"\n");
	expect_error("c", "c:2: cannot include .: Is a directory");
	conffile_write("c", "@include \"c\"\n");
	expect_error("c", "c:1: files are included more than 10 deep");

	// An absolute name, and a rule that says where it stands.
	conffile_write("inc", "\nrules = ( { mx = [\"*\"]; } );\n");
	snprintf(path, sizeof(path), "%s/inc", conffile_dir);
	snprintf(text, sizeof(text), "@include \"%s\"\n", path);
	conffile_write("c", text);
	struct conf *conf = expect_good("c");
	ck_assert_str_eq(conf->rules[0].file, path);
	ck_assert_uint_eq(conf->rules[0].line, 2);
	conf_free(conf);
}
END_TEST

START_TEST(test_conf_file_that_cannot_be_read)
{
	expect_error("none", "none: No such file or directory");
	expect_error("/", "/: Is a directory");
	expect_error("/dev/zero", "/dev/zero: File too large");
}
END_TEST

START_TEST(test_conf_providers_are_read)
{
	conffile_write("providers.conf",
	    "providers = (\n"
	    "{ name = \"google\"; mx = [\"ASPMX.l.google.com\", "
	    "\"*.aspmx.l.google.com\"];\n hosts = [\"Alt3.aspmx.l.google.com\"]"
	    "; rescue = true; },\n"
	    "{ name = \"other\"; mx = [\"mx.example\"]; } );\n");
	conffile_write("c", "");
	struct conf *conf = expect_good("c");
	ck_assert_uint_eq(conf->n_providers, 2);
	ck_assert_str_eq(conf->providers[0].name, "google");
	ck_assert_uint_eq(conf->providers[0].mx.n, 2);
	ck_assert_str_eq(conf->providers[0].mx.item[0], "aspmx.l.google.com");
	ck_assert_str_eq(
	    conf->providers[0].hosts.item[0], "alt3.aspmx.l.google.com");
	ck_assert(conf->providers[0].rescue);
	ck_assert(!conf->providers[1].rescue);
	conf_free(conf);

	conffile_write("more",
	    "\nproviders = ( { name = \"more\"; mx = [\"a.example\"]; } );\n");
	conffile_write("c", "provider_files = [\"providers.conf\", \"more\"];");
	conf = expect_good("c");
	ck_assert_uint_eq(conf->n_providers, 3);
	ck_assert_str_eq(conf->providers[2].name, "more");
	conf_free(conf);
	conffile_write("c", "provider_files = [\"more\",\n\"more\"];");
	expect_error("c", "more:2: providers.name = \"more\": must be unique: "
			  "an earlier provider has this name");
}
END_TEST

START_TEST(test_conf_providers_file_that_is_wrong)
{
	static const char *const rows[][2] = {
	    {"provider = ();",
		"providers.conf:1: unknown key provider; did you mean "
		"providers?"},
	    {"mode = \"observe\";",
		"providers.conf:1: unknown key mode; see mxdetour.conf(5)"},
	    {"providers = ( {\nmx = [\"a.example\"]; } );",
		"providers.conf:1: providers.name is missing: must be 1 to 63 "
		"characters A-Z a-z 0-9 . _ -, no . or - first"},
	    {"providers = ( { name = \"a\"; mx = []; } );",
		"providers.conf:1: providers.mx = [ ... ]: must be a list of "
		"names or \"*.suffix\" patterns: it may not be empty"},
	    {"providers = ( { name = \"a\"; mx = [\"*\"]; } );",
		"providers.conf:1: providers.mx = \"*\": must be a list of "
		"names or \"*.suffix\" patterns"},
	    {"providers = ( { name = \"a\"; mx = [\"a.example\"];\n"
	     "hosts = [\"*.a.example\"]; } );",
		"providers.conf:2: providers.hosts = \"*.a.example\": must be "
		"a list of host names"},
	    {"providers = ( {", "providers.conf:1: syntax error, here or "
				"shortly before"},
	};
	conffile_write("c", "");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		conffile_write("providers.conf", rows[i][0]);
		expect_error("c", rows[i][1]);
	}
}
END_TEST

START_TEST(test_conf_only_the_default_providers_file_may_be_absent)
{
	conffile_write("c", "");
	struct conf *conf = expect_good("c");
	ck_assert_uint_eq(conf->n_providers, 0);
	conf_free(conf);
	conffile_write("c", "provider_files = [\n\"providers.conf\" ];");
	expect_error("c", "c:2: provider_files: cannot read providers.conf: No "
			  "such file or directory");
	ck_assert_int_eq(mkdir("providers.conf", 0700), 0);
	expect_error("c", "providers.conf: Is a directory");
}
END_TEST

static Suite *
conf_files_suite(void)
{
	Suite *suite = suite_create("conf_files");
	TCase *tc = tcase_create("conf_files");
	tcase_add_checked_fixture(tc, conffile_begin, conffile_end);
	tcase_add_test(tc, test_domains_parse_lines);
	tcase_add_test(tc, test_conf_lists_of_domains_are_added);
	tcase_add_test(tc, test_conf_empty_list_of_domains);
	tcase_add_test(tc, test_conf_file_names_are_relative_to_its_directory);
	tcase_add_test(tc, test_conf_included_files_have_their_own_lines);
	tcase_add_test(tc, test_conf_file_that_cannot_be_read);
	tcase_add_test(tc, test_conf_providers_are_read);
	tcase_add_test(tc, test_conf_providers_file_that_is_wrong);
	tcase_add_test(
	    tc, test_conf_only_the_default_providers_file_may_be_absent);
	suite_add_tcase(suite, tc);
	return suite;
}

int
main(void)
{
	return unit_run(conf_files_suite());
}
