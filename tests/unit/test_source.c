// SPDX-License-Identifier: MIT
// Configuration files with all that they include, as one text.
#include "conf/source.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "unit/conffile.h"
#include "unit/unit.h"

// Reads "main"; the text, or the error in parentheses.
static void
expect(size_t row, const char *want)
{
	struct source src;
	struct err err = {""};
	char got[1024];
	if (source_read("main", "", &src, &err) == 0)
		snprintf(got, sizeof(got), "%s", src.text);
	else
		snprintf(got, sizeof(got), "(%s)", err.text);
	ck_assert_msg(strcmp(got, want) == 0, "row %zu: got\n%s\nwanted\n%s",
	    row, got, want);
	source_fini(&src);
}

START_TEST(test_source_text_is_as_libconfig_must_see_it)
{
	static const struct {
		const char *file, *text;
	} rows[] = {
	    {"", ""},
	    {"a = 1;", "a = 1L ;"},
	    {"a=+5;b=-5;c=007;", "a=5L ;b=-5L ;c=7L ;"},
	    {"a=4294967297;", "a=4294967297L ;"},
	    {"a=4294967297L;b=1LL;", "a=4294967297L ;b=1L ;"},
	    {"a=0x10;b=0XffL;c=0xffffffff;", "a=16L ;b=255L ;c=4294967295L ;"},
	    {"a=0xffffffffffffffff;", "a=9223372036854775807L ;"},
	    {"a=9223372036854775807;", "a=9223372036854775807L ;"},
	    {"a=9223372036854775808;", "a=9223372036854775807L ;"},
	    {"a=-9223372036854775809;", "a=-9223372036854775808L ;"},
	    {"a=00000000000000000000000000000000000000000000001;", "a=1L ;"},
	    {"a=111111111111111111111111111111111111111111111;",
		"a=9223372036854775807L ;"},
	    // What libconfig refuses stays as it is, and is not made good.
	    {"a=5LLL;", "a=5L L;"},
	    {"a=-0x1;", "a=0L x1;"},
	    {"a=0x;", "a=0L x;"},
	    {"a=- 5;", "a=- 5L ;"},
	    {"a=5b;", "a=5L b;"},
	    // Other things with digits.
	    {"a5=b-6;a_7=*8;", "a5=b-6;a_7=*8;"},
	    {"a=1.5;b=.5;c=5.;d=1e9;e=-1E-9;f=1.e5;",
		"a=1.5;b=.5;c=5.;d=1e9;e=-1E-9;f=1.e5;"},
	    {"a=\"4294967297\";", "a=\"4294967297\";"},
	    // Comments.
	    {"a=1;# 5\nb=2;// 6", "a=1L ;\nb=2L ;"},
	    {"a/* 5 */=/**/1;/* x\ny **/b=2;", "a = 1L ;\n b=2L ;"},
	    {"a=\"#\";b=\"//\";c=\"/*\";", "a=\"#\";b=\"//\";c=\"/*\";"},
	    {"/", "/"},
	    // Strings keep their escapes.
	    {"a=\"x\\\"y\\\\\";", "a=\"x\\\"y\\\\\";"},
	    {"a=\"\\x41\\\\x00\";", "a=\"\\x41\\\\x00\";"},
	    // The line of a text is where it is, not that of the next token.
	    {"a=[\"x\"\n\n];", "a=[\"x\"]\n\n;"},
	    {"a=\"x\" // c\n\"y\";", "a=\"x\" \"y\"\n;"},
	    {"\xef\xbb\xbf"
	     "a=1;\r\n",
		"a=1L ; \n"},
	    // Errors.
	    {"a=1;\n/* x\n",
		"(main:2: the comment that begins here never ends: "
		"\"*/\" is missing)"},
	    {"a=1;\n/*/", "(main:2: the comment that begins here never ends: "
			  "\"*/\" is missing)"},
	    {"\na=\"x\n\";", "(main:2: the text that begins here does not end "
			     "on its line: '\"' is missing)"},
	    {"a=\"x", "(main:1: the text that begins here does not end on its "
		      "line: '\"' is missing)"},
	    {"a=\"x\\",
		"(main:1: the text that begins here does not end on its "
		"line: '\"' is missing)"},
	    {"a=\"x\\x00y\";", "(main:1: a text may not hold \"\\x00\")"},
	    {"a=[\"x\"\n\"y\"];",
		"(main:2: a comma is missing between the texts of a list)"},
	    {"a=(\"z\", \"x\" /* , */ \"y\");",
		"(main:1: a comma is missing between the texts of a list)"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		conffile_write("main", rows[i].file);
		expect(i, rows[i].text);
	}
}
END_TEST

START_TEST(test_source_includes_at_line_starts_only)
{
	conffile_write("sub", "s=1;\nt=2;");
	static const struct {
		const char *file, *text;
	} rows[] = {
	    {"@include \"sub\"", "\ns=1L ;\nt=2L ;\n"},
	    {"a=1;\n \t@include \t\"sub\" b=2;\nc=3;",
		"a=1L ;\n\ns=1L ;\nt=2L ;\n b=2L ;\nc=3L ;"},
	    {"\na=1; @include \"sub\"",
		"(main:2: '@' is wrong here: @include \"FILE\" stands at "
		"the start of a line)"},
	    {"/* */@include \"sub\"",
		"(main:1: '@' is wrong here: @include \"FILE\" stands at "
		"the start of a line)"},
	    {"\r@include \"sub\"",
		"(main:1: '@' is wrong here: @include \"FILE\" stands at "
		"the start of a line)"},
	    {"@include \"sub\" @include \"sub\"",
		"(main:1: '@' is wrong here: @include \"FILE\" stands at "
		"the start of a line)"},
	    {"# @include \"sub\"", ""},
	    {"/*\n@include \"sub\"\n*/", "\n\n "},
	    {"@included \"sub\"",
		"(main:1: '@' is wrong here: @include \"FILE\" stands at "
		"the start of a line)"},
	    {"@include sub",
		"(main:1: '@' is wrong here: @include \"FILE\" stands at "
		"the start of a line)"},
	    {"a=\"@include\";", "a=\"@include\";"},
	    {"a=1;\n@include \"none\"",
		"(main:2: cannot include none: No such file or directory)"},
	    {"@include \"dir\"",
		"(main:1: cannot include dir: Is a directory)"},
	    {"@include \"/dev/zero\"",
		"(main:1: cannot include /dev/zero: File too large)"},
	    {"@include \"sub", "(main:1: '\"' is missing after @include)"},
	    {"\n@include \"main\"",
		"(main:2: files are included more than 10 deep)"},
	};
	ck_assert_int_eq(mkdir("dir", 0700), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		conffile_write("main", rows[i].file);
		expect(i, rows[i].text);
	}
}
END_TEST

START_TEST(test_source_knows_where_lines_stand)
{
	conffile_write("main", "a\n@include \"one\" b\nc\n[\"x\"\n]d");
	conffile_write("one", "e\n@include \"two\"\nf");
	conffile_write("two", "g");
	struct source src;
	struct err err;
	ck_assert_int_eq(source_read("main", "", &src, &err), 0);
	ck_assert_str_eq(src.text, "a\n\ne\n\ng\n\nf\n b\nc\n[\"x\"]\nd");
	static const struct {
		const char *file;
		unsigned line;
	} rows[] = {
	    {"main", 1},
	    {"main", 2},
	    {"one", 1},
	    {"one", 2},
	    {"two", 1},
	    {"one", 2},
	    {"one", 3},
	    {"main", 2},
	    {"main", 3},
	    {"main", 4},
	    {"main", 5},
	};
	ck_assert_uint_eq(src.n_lines, ARRAY_LEN(rows));
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct source_line where = source_where(&src, i + 1);
		ck_assert_msg(where.line == rows[i].line &&
				  strcmp(source_file(&src, where.file),
				      rows[i].file) == 0,
		    "row %u: %s:%u", i, source_file(&src, where.file),
		    where.line);
	}
	ck_assert_uint_eq(source_where(&src, 0).line, 1);
	ck_assert_uint_eq(source_where(&src, 99).line, 5);
	source_fini(&src);
}
END_TEST

START_TEST(test_source_refuses_binary_and_endless_files)
{
	struct source src;
	struct err err;
	conffile_write_bytes("main", "a=1;\n\0b", 7);
	ck_assert_int_eq(source_read("main", "", &src, &err), -1);
	ck_assert_str_eq(err.text, "main:2: a NUL byte: this is no text file");
	ck_assert_int_eq(source_read("/dev/zero", "", &src, &err), -1);
	ck_assert_str_eq(err.text, "/dev/zero: File too large");
	ck_assert_int_eq(source_read("none", "", &src, &err), -1);
	ck_assert_str_eq(err.text, "none: No such file or directory");
	ck_assert_int_eq(source_read("/", "", &src, &err), -1);
	ck_assert_str_eq(err.text, "/: Is a directory");
}
END_TEST

START_TEST(test_source_total_size_is_limited)
{
	// 8 MiB out of 64 KiB.
	size_t len = 64 * 1024;
	char *text = malloc(len);
	ck_assert_ptr_nonnull(text);
	memset(text, ';', len);
	conffile_write_bytes("part", text, len);
	free(text);
	FILE *f = fopen("main", "w");
	ck_assert_ptr_nonnull(f);
	for (int i = 0; i < 128; i++)
		fputs("@include \"part\"\n", f);
	fclose(f);
	struct source src;
	struct err err;
	ck_assert_int_eq(source_read("main", "", &src, &err), -1);
	ck_assert_ptr_nonnull(strstr(
	    err.text, ": too long: at most 4 MiB, included files and all"));
}
END_TEST

START_TEST(test_source_paths)
{
	static const struct {
		const char *dir, *name, *path;
	} rows[] = {
	    {"", "a", "a"},
	    {"/etc/x", "a", "/etc/x/a"},
	    {"/", "a", "/a"},
	    {"/etc", "/a", "/a"},
	    {"x", "y/a", "x/y/a"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *path = source_path(rows[i].dir, rows[i].name);
		ck_assert_str_eq(path, rows[i].path);
		free(path);
	}
	static const char *const dirs[][2] = {
	    {"a", ""}, {"/a", "/"}, {"/a/b", "/a"}, {"a/b/c", "a/b"}};
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		char *dir = source_dir(dirs[i][0]);
		ck_assert_str_eq(dir, dirs[i][1]);
		free(dir);
	}
}
END_TEST

static Suite *
source_suite(void)
{
	Suite *suite = suite_create("source");
	TCase *tc = tcase_create("source");
	tcase_add_checked_fixture(tc, conffile_begin, conffile_end);
	tcase_add_test(tc, test_source_text_is_as_libconfig_must_see_it);
	tcase_add_test(tc, test_source_includes_at_line_starts_only);
	tcase_add_test(tc, test_source_knows_where_lines_stand);
	tcase_add_test(tc, test_source_refuses_binary_and_endless_files);
	tcase_add_test(tc, test_source_total_size_is_limited);
	tcase_add_test(tc, test_source_paths);
	suite_add_tcase(suite, tc);
	return suite;
}

int
main(void)
{
	return unit_run(source_suite());
}
