# SPDX-License-Identifier: MIT
# The tests: all print TAP, automake's driver reads it. Included by Makefile.am.

# What test programs are compiled and linked with: the production flags and
# libcheck. Fakes come first in the link and take the place of what they fake.
AM_CPPFLAGS = $(common_cppflags) -I$(top_srcdir)/tests
AM_CFLAGS = $(common_cflags) $(CHECK_CFLAGS)
LDADD = libfake.a libmxdetour.a $(common_libs) $(CHECK_LIBS)

libfake_a_SOURCES = \
	tests/fake/fakedns.c \
	tests/fake/fakedns.h \
	tests/fake/fakeinterfaces.c \
	tests/fake/fakeinterfaces.h \
	tests/fake/fakesmtp.c \
	tests/fake/fakesmtp.h \
	tests/fake/fakeworld.c \
	tests/fake/fakeworld.h

unit_tests = \
	tests/unit/test_answer \
	tests/unit/test_asker \
	tests/unit/test_attrlist \
	tests/unit/test_budgets \
	tests/unit/test_clock \
	tests/unit/test_conf \
	tests/unit/test_conf_files \
	tests/unit/test_conn \
	tests/unit/test_conn_buf \
	tests/unit/test_conn_pool \
	tests/unit/test_decide \
	tests/unit/test_dname \
	tests/unit/test_dnameset \
	tests/unit/test_domain \
	tests/unit/test_due \
	tests/unit/test_endpoint \
	tests/unit/test_envelope \
	tests/unit/test_err \
	tests/unit/test_fds \
	tests/unit/test_greeting \
	tests/unit/test_hash \
	tests/unit/test_host \
	tests/unit/test_hostname \
	tests/unit/test_index \
	tests/unit/test_interfaces \
	tests/unit/test_listenaddr \
	tests/unit/test_listener \
	tests/unit/test_log \
	tests/unit/test_logsink \
	tests/unit/test_mem \
	tests/unit/test_message \
	tests/unit/test_mxset \
	tests/unit/test_netaddr \
	tests/unit/test_netstring \
	tests/unit/test_notify \
	tests/unit/test_ourselves \
	tests/unit/test_outcome \
	tests/unit/test_plan \
	tests/unit/test_pool \
	tests/unit/test_question \
	tests/unit/test_reach \
	tests/unit/test_recipient \
	tests/unit/test_relays \
	tests/unit/test_render \
	tests/unit/test_resolvconf \
	tests/unit/test_resolver \
	tests/unit/test_rootpath \
	tests/unit/test_route \
	tests/unit/test_rrtext \
	tests/unit/test_rules \
	tests/unit/test_smtp \
	tests/unit/test_smtpreply \
	tests/unit/test_socketmap \
	tests/unit/test_sockpath \
	tests/unit/test_source \
	tests/unit/test_str \
	tests/unit/test_value \
	tests/unit/test_wire \
	tests/unit/test_zoneaddr
# Of the real host.
tests_unit_test_interfaces_LDADD = libmxdetour.a $(common_libs) $(CHECK_LIBS)
# One program of several files; it is a tool, too.
sim_tests = tests/sim/sim
tests_sim_sim_SOURCES = \
	tests/sim/sim.c \
	tests/sim/simaudit.c \
	tests/sim/simaudit.h \
	tests/sim/simdns.c \
	tests/sim/simweather.c \
	tests/sim/simweek.c \
	tests/sim/simweek.h \
	tests/sim/simworld.c \
	tests/sim/simworld.h
tests_sim_sim_LDADD = $(LDADD) -lm
unit_headers = \
	tests/unit/conffile.h \
	tests/unit/conn_fixture.h \
	tests/unit/exact.h \
	tests/unit/logged.h \
	tests/unit/reach_check.h \
	tests/unit/stamp.h \
	tests/unit/unit.h \
	tests/unit/world.h

# The keys of the configuration, for the comparison with the manual page.
check_PROGRAMS = tests/unit/list_conf_keys
tests_unit_list_conf_keys_SOURCES = tests/unit/list_conf_keys.c

# The fuzzers (docs/architecture.md): with libFuzzer, for scripts/fuzz, or with
# a main that replays their corpora, as tests. Neither needs libcheck.
fuzz_tests = \
	tests/fuzz/fuzz_attrlist \
	tests/fuzz/fuzz_conf \
	tests/fuzz/fuzz_conn \
	tests/fuzz/fuzz_dname \
	tests/fuzz/fuzz_domains \
	tests/fuzz/fuzz_judge \
	tests/fuzz/fuzz_listenaddr \
	tests/fuzz/fuzz_netstring \
	tests/fuzz/fuzz_question \
	tests/fuzz/fuzz_recipient \
	tests/fuzz/fuzz_rrtext \
	tests/fuzz/fuzz_smtpreply \
	tests/fuzz/fuzz_socketmap \
	tests/fuzz/fuzz_wire
if !FUZZER
fuzz_main = tests/fuzz/replay.c
endif
fuzz_libs = libmxdetour.a $(common_libs) $(FUZZ_ENGINE)
tests_fuzz_fuzz_attrlist_SOURCES = $(fuzz_main) tests/fuzz/fuzz_attrlist.c
tests_fuzz_fuzz_conf_SOURCES = $(fuzz_main) \
	tests/fake/fakeinterfaces.c \
	tests/fuzz/fuzz_conf.c
tests_fuzz_fuzz_conn_SOURCES = $(fuzz_main) tests/fuzz/fuzz_conn.c
tests_fuzz_fuzz_dname_SOURCES = $(fuzz_main) tests/fuzz/fuzz_dname.c
tests_fuzz_fuzz_domains_SOURCES = $(fuzz_main) tests/fuzz/fuzz_domains.c
tests_fuzz_fuzz_judge_SOURCES = $(fuzz_main) \
	tests/fake/fakeinterfaces.c \
	tests/fuzz/fuzz_judge.c \
	tests/fuzz/fuzz_judge.h \
	tests/fuzz/fuzz_judge_check.c
tests_fuzz_fuzz_listenaddr_SOURCES = $(fuzz_main) tests/fuzz/fuzz_listenaddr.c
tests_fuzz_fuzz_netstring_SOURCES = $(fuzz_main) tests/fuzz/fuzz_netstring.c
tests_fuzz_fuzz_question_SOURCES = $(fuzz_main) tests/fuzz/fuzz_question.c
tests_fuzz_fuzz_recipient_SOURCES = $(fuzz_main) tests/fuzz/fuzz_recipient.c
tests_fuzz_fuzz_rrtext_SOURCES = $(fuzz_main) tests/fuzz/fuzz_rrtext.c
tests_fuzz_fuzz_smtpreply_SOURCES = $(fuzz_main) tests/fuzz/fuzz_smtpreply.c
tests_fuzz_fuzz_socketmap_SOURCES = $(fuzz_main) tests/fuzz/fuzz_socketmap.c
tests_fuzz_fuzz_wire_SOURCES = $(fuzz_main) tests/fuzz/fuzz_wire.c
tests_fuzz_fuzz_attrlist_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_conf_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_conn_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_dname_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_domains_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_judge_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_listenaddr_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_netstring_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_question_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_recipient_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_rrtext_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_smtpreply_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_socketmap_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_wire_LDADD = $(fuzz_libs)
# What it reads is in memory: no input opens a file.
tests_fuzz_fuzz_conf_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=fopen \
	-Wl,--wrap=access
check_PROGRAMS += $(fuzz_tests)
fuzz_files = \
	tests/fuzz/corpus \
	tests/fuzz/attrlist.dict \
	tests/fuzz/conf.dict \
	tests/fuzz/conn.dict \
	tests/fuzz/dname.dict \
	tests/fuzz/domains.dict \
	tests/fuzz/judge.dict \
	tests/fuzz/listenaddr.dict \
	tests/fuzz/netstring.dict \
	tests/fuzz/question.dict \
	tests/fuzz/recipient.dict \
	tests/fuzz/rrtext.dict \
	tests/fuzz/smtpreply.dict \
	tests/fuzz/socketmap.dict \
	tests/fuzz/wire.dict \
	tests/fuzz/fuzz.h

static_tests = \
	tests/bench.sh \
	tests/check-conf-manual.sh \
	tests/format.sh \
	tests/manual.sh \
	tests/prefix.sh \
	tests/rooms.sh \
	tests/rootpaths.py \
	tests/scripts-run.sh \
	tests/systemd.sh

e2e_tests = tests/e2e/run.py
e2e_files = \
	tests/e2e/aio.py \
	tests/e2e/clients.py \
	tests/e2e/fakedns.py \
	tests/e2e/fakesmtp.py \
	tests/e2e/forks.py \
	tests/e2e/harness.py \
	tests/e2e/run.py \
	tests/e2e/test_config.py \
	tests/e2e/test_dns.py \
	tests/e2e/test_faults.py \
	tests/e2e/test_lifecycle.py \
	tests/e2e/test_log.py \
	tests/e2e/test_lookups.py \
	tests/e2e/test_policy.py \
	tests/e2e/test_postmap.py \
	tests/e2e/test_probe.py \
	tests/e2e/test_protocol.py \
	tests/e2e/test_routes.py \
	tests/e2e/test_selftest.py \
	tests/e2e/wallclock.c

milter_tests = tests/milter/run.py
milter_files = \
	tests/milter/common.lua \
	tests/milter/header.lua \
	tests/milter/recipients.lua \
	tests/milter/refused.lua \
	tests/milter/run.py \
	tests/milter/session.py \
	tests/milter/several.lua \
	tests/milter/stage.py \
	tests/milter/test_answers.py \
	tests/milter/test_daemon.py \
	tests/milter/test_packets.py \
	tests/milter/test_scripts.py \
	tests/milter/test_start.py \
	tests/milter/test_threads.py \
	tests/milter/untouched.lua

lab_tests = tests/lab/run.py
lab_files = \
	tests/lab/forger.py \
	tests/lab/forms.py \
	tests/lab/mailhost.py \
	tests/lab/net.py \
	tests/lab/postfix.py \
	tests/lab/reaper.py \
	tests/lab/recorder.py \
	tests/lab/router.py \
	tests/lab/run.py \
	tests/lab/scenarios_baseline.py \
	tests/lab/scenarios_daemon.py \
	tests/lab/scenarios_faults.py \
	tests/lab/scenarios_milter.py \
	tests/lab/scenarios_outage.py \
	tests/lab/scenarios_postfix_facts.py \
	tests/lab/scenarios_recipients.py \
	tests/lab/scenarios_relays.py \
	tests/lab/scenarios_replies.py \
	tests/lab/scenarios_routes.py \
	tests/lab/scenarios_sendmail.py \
	tests/lab/sendmail.py \
	tests/lab/sink.py \
	tests/lab/tap.py \
	tests/lab/util.py \
	tests/lab/world.py

systemd_tests = tests/systemd/run.py
systemd_files = \
	tests/systemd/attacker.py \
	tests/systemd/boot.sh \
	tests/systemd/machine.py \
	tests/systemd/run.py \
	tests/systemd/scenarios.py

TESTS = $(static_tests)
if !FUZZER
TESTS += $(fuzz_tests)
endif
if HAVE_CHECK
check_LIBRARIES = libfake.a
check_PROGRAMS += $(unit_tests) $(sim_tests)
TESTS += $(unit_tests) $(sim_tests)
else
TESTS += tests/nocheck.sh
endif
TESTS += $(e2e_tests) $(milter_tests)
if LAB_TESTS
TESTS += $(lab_tests) $(systemd_tests)
endif
EXTRA_DIST += $(unit_headers) $(static_tests) tests/nocheck.sh \
	$(e2e_files) $(milter_files) $(lab_files) $(systemd_files) \
	$(fuzz_files)

if MILTER
milter_environment = \
	MXDETOUR_MILTER='$(abs_top_builddir)/mxdetour-milter'; \
	export MXDETOUR_MILTER;
endif
# libcheck's limit of 4 s for a test would depend on how fast the machine is.
AM_TESTS_ENVIRONMENT = \
	MXDETOURD='$(abs_top_builddir)/mxdetourd'; export MXDETOURD; \
	$(milter_environment) \
	SRCDIR='$(abs_top_srcdir)'; export SRCDIR; \
	BUILDDIR='$(abs_top_builddir)'; export BUILDDIR; \
	CK_DEFAULT_TIMEOUT=120; export CK_DEFAULT_TIMEOUT; \
	PYTHONDONTWRITEBYTECODE=1; export PYTHONDONTWRITEBYTECODE; \
	UBSAN_OPTIONS=print_stacktrace=1; export UBSAN_OPTIONS;

tap_driver = env AM_TAP_AWK='$(AWK)' $(SHELL) \
	$(top_srcdir)/build-aux/tap-driver.sh
TEST_EXTENSIONS = .sh .py
LOG_DRIVER = $(tap_driver)
SH_LOG_DRIVER = $(tap_driver)
SH_LOG_COMPILER = $(SHELL)
PY_LOG_DRIVER = $(tap_driver)
PY_LOG_COMPILER = $(PYTHON)

# The tests of this configuration, those that run the code itself, and those of
# threads: what scripts/test reads.
list-tests:
	@for t in $(TESTS); do echo "$$t"; done
list-code-tests:
	@for t in $(fuzz_tests) $(unit_tests) $(sim_tests) $(e2e_tests) \
		$(milter_tests); do echo "$$t"; done
list-fuzzers:
	@for t in $(fuzz_tests); do echo "$$t"; done
list-thread-tests:
	@for t in tests/unit/test_asker $(milter_tests); do echo "$$t"; done
.PHONY: list-tests list-code-tests list-fuzzers list-thread-tests
