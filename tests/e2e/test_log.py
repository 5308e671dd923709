# SPDX-License-Identifier: MIT
"""What on-call staff read: the lines, to the letter, and what stays out."""
import datetime
import json
import os
import re

import clients
import fakedns
import fakesmtp
import harness
from harness import Daemon, World, check, eventually, in_parallel, same

DEAD, UP = "127.10.0.1", "127.10.0.2"


def test_lookup_line():
    with World() as w:
        w.domain("blocked.test", [(10, "a.blocked.test", [DEAD]),
                                  (20, "b.blocked.test", ["127.10.0.9"])])
        w.smtp.set(DEAD, fakesmtp.CLOSE)
        w.smtp.set("127.10.0.9", fakesmtp.CLOSE)
        w.domain("steer.test", [(10, "a.blocked.test", [DEAD]),
                                (20, "b.steer.test", [UP])])
        w.smtp.set(UP, fakesmtp.GOOD)
        w.judged("blocked.test", route="relay")
        w.judged("steer.test", route="steer")
        mark = w.daemon.mark()
        w.transport("secret.local.part@Blocked.TEST")
        w.daemon.wait_log(
            r"\blookup domain=blocked\.test route=relay via=r1 "
            r"reason=none-reachable mx=0/2 age=\d+s "
            r"proto=socketmap map=transport "
            r"set=[0-9a-f]{8} outcome=closed-early$", mark)
        w.ask("mailertable", "steer.test")
        w.daemon.wait_log(
            r"\blookup domain=steer\.test route=steer via=- "
            r"reason=some-reachable mx=1/2 age=\d+s "
            r"proto=socketmap map=mailertable "
            r"set=[0-9a-f]{8} outcome=closed-early$", mark)
        # From the domain to its evidence: the set, as its transition has it.
        shown = w.daemon.find(r"\blookup domain=blocked\.test .* set=(\S+)",
                              mark)[0].group(1)
        check(w.daemon.find(r"\btransition set=%s .*new=relay" % shown), shown)
        same(w.route("blocked.test")["set"], shown)
        check(not w.daemon.find("secret"), "the local part was logged")


def test_route_map_reads_like_the_log():
    with World() as w:
        w.simple("blocked.test", DEAD, fakesmtp.CLOSE)
        w.judged("blocked.test", route="relay")
        check(re.match(rb"OK domain=blocked\.test route=relay via=r1 "
                       rb"reason=none-reachable mx=0/1 age=\d+s",
                       w.ask("route", "blocked.test")),
              w.ask("route", "blocked.test"))


def test_which_lookups_are_logged():
    for setting in ("none", "changed", "all"):
        with World({"log": {"lookups": setting}}) as w:
            w.simple("up.test", UP, fakesmtp.GOOD)
            w.simple("blocked.test", DEAD, fakesmtp.CLOSE)
            w.judged("up.test", reason="all-reachable")
            w.judged("blocked.test", route="relay")
            mark = w.daemon.mark()
            w.transport("u@up.test")
            w.transport("u@blocked.test")
            # A line that comes later, whatever the setting.
            w.write_conf(text="nonsense = 1;\n")
            w.hangup()
            w.daemon.wait_log(re.escape(w.conf_path), mark)
            same(bool(w.daemon.find(r"\blookup domain=up\.test .*"
                                    r"map=transport", mark)),
                 setting == "all", "direct, " + setting)
            same(bool(w.daemon.find(r"\blookup domain=blocked\.test .*"
                                    r"map=transport", mark)),
                 setting != "none", "relay, " + setting)


def test_a_wait_in_vain_is_logged():
    """Held up for a route that is still not known: said, though direct."""
    for setting in ("none", "changed", "all"):
        with World({"log": {"lookups": setting}, "policy": {"wait": "600ms"},
                    "dns": {"timeout": "60s"}}) as w:
            w.dns.set("silent.test", "MX", fakedns.SILENT)
            with clients.Policy(w.policy_at) as policy:
                same(policy.ask(recipient="u@silent.test", instance="1"),
                     {"action": "DUNNO"})
                if setting != "none":
                    line = w.daemon.wait_log(
                        r"\blookup domain=silent\.test route=direct via=- "
                        r"reason=unknown-yet mx=- age=- proto=policy "
                        r"waited=(\d+)ms$")
                    check(int(line.group(1)) >= 500, line.group(0))
                w.hangup()
                w.daemon.wait_log("reload=done")
                same(len(w.daemon.find(r"\blookup domain=silent")),
                     setting != "none", setting)


def test_a_wait_for_a_known_direct_is_not_logged():
    with World({"policy": {"wait": "60s"}, "dns": {"timeout": "60s"}}) as w:
        gate = w.gated("up.test", UP)
        with clients.Policy(w.policy_at) as policy:
            policy.start(request="smtpd_access_policy", recipient="u@up.test")
            eventually(lambda: w.dns.asked("up.test", "MX"), "the question")
            check(policy.silent(0.2), "answered before the DNS did")
            gate.open()
            same(policy.receive(), {"action": "DUNNO"})
        w.hangup()
        w.daemon.wait_log("reload=done")
        same(len(w.daemon.find(r"\blookup ")), 0, "lines")


def test_endpoint_and_transition_lines():
    with World({"probe": {"interval": "1s"}}) as w:
        w.domain("a.test", [(10, "mx1.prov.test", [DEAD]),
                            (20, "mx2.prov.test", ["127.10.0.3"])])
        w.dns.set("b.test", "MX", [fakedns.mx(10, "mx1.prov.test"),
                                   fakedns.mx(20, "mx2.prov.test")])
        for address in (DEAD, "127.10.0.3"):
            w.smtp.set(address, fakesmtp.GOOD)
        w.judged("a.test", reason="all-reachable")
        w.judged("b.test", reason="all-reachable")
        for address in (DEAD, "127.10.0.3"):
            w.smtp.set(address, fakesmtp.CLOSE)
        w.until("transport", "u@a.test", w.relay_reply())
        w.daemon.wait_log(
            r"\bendpoint address=127\.10\.0\.1 host=mx1\.prov\.test "
            r"old=reachable new=unreachable outcome=closed-early "
            r"count=2 sets=1 domains=2\b")
        # By way of steer or straight to the relay.
        w.daemon.wait_log(
            r"\btransition set=[0-9a-f]+ mx=mx1\.prov\.test,\+1 domains=2 "
            r"old=(direct|steer) new=relay reason=none-reachable\b")


def test_new_set_starts_at_direct():
    with World() as w:
        w.simple("up.test", UP, fakesmtp.GOOD)
        w.judged("up.test", reason="all-reachable")
        w.simple("blocked.test", DEAD, fakesmtp.CLOSE)
        w.judged("blocked.test", route="relay")
        w.daemon.wait_log(
            r"\bendpoint address=127\.10\.0\.1 host=mx\.blocked\.test "
            r"old=unknown new=unreachable outcome=closed-early count=1 "
            r"sets=1 domains=1\b")
        w.daemon.wait_log(
            r"\btransition set=[0-9a-f]+ mx=mx\.blocked\.test domains=1 "
            r"old=direct new=relay reason=none-reachable\b")
        same(w.daemon.find(r"\btransition .*mx=mx\.up\.test"), [],
             "transitions from direct to direct")


def test_a_flood_of_transitions_is_cut():
    """One event, seventy sets: fifty lines at most and the count of the
    others."""
    with World({"probe": {"interval": "1s"}}) as w:
        w.smtp.set(DEAD, fakesmtp.GOOD)
        for number in range(70):
            w.domain("d%d.test" % number,
                     [(10, "mx.d%d.test" % number, [DEAD])])
        in_parallel(lambda n: w.judged("d%d.test" % n,
                                       reason="all-reachable"), range(70))
        mark = w.daemon.mark()
        w.smtp.set(DEAD, fakesmtp.CLOSE)
        w.until("transport", "u@d0.test", w.relay_reply())
        more = w.daemon.wait_log(r"\btransitions more=(\d+) domains=(\d+)",
                                 mark)
        lines = w.daemon.find(r"\btransition set=.* old=direct new=relay",
                              mark)
        check(1 <= len(lines) <= 50, "transition lines", len(lines))
        same(len(lines) + int(more.group(1)), 70, "sets in all")
        same(len(w.daemon.find(r"\bendpoint address=127\.10\.0\.1 .*"
                               r"sets=70 domains=70", mark)), 1,
             "endpoint lines")


def test_uplink_lines():
    """Only changes of the state are lines."""
    with World() as w:
        w.need("uplink.canaries")
        w.simple("up.test", UP, fakesmtp.GOOD)
        w.judged("up.test", reason="all-reachable")
        for match in w.daemon.find(r"\buplink state=.*"):
            check(re.search(r"\buplink state=(ok|frozen|port25-closed) "
                            r"canaries=\d+/\d+$", match.string), match.string)
        check(len(w.daemon.find(r"\buplink state=")) <= 2, "too many lines")


def test_nothing_is_injected():
    """Keys, greetings and names cannot write lines of their own."""
    with World({"log": {"level": "debug", "lookups": "all",
                        "recipients": True}}) as w:
        w.simple("blocked.test", DEAD, fakesmtp.NOT_SMTP)
        w.simple("odd.test", "127.10.0.3", fakesmtp.S554)
        w.judged("odd.test", reason="all-reachable")
        w.judged("blocked.test", route="relay")
        evil = "x\nlookup domain=evil.test route=relay\r\x1b[2J\0"
        for key in (evil, evil + "@blocked.test", "a@" + evil,
                    "a b=c route=hold@blocked.test", "\u202e@blocked.test",
                    b"\xff\xfe\x80@blocked.test", "x" * 9900 +
                    "@blocked.test"):
            for map_name in ("transport", "mailertable", "route",
                             "dnsfilter"):
                reply = w.ask(map_name, key)
                check(b"\n" not in reply and b"\x1b" not in reply, reply)
        w.ask("no\nsuch\x1bmap", "x")
        with clients.Policy(w.policy_at) as policy:
            policy.ask(recipient="\x1b[2J@blocked.test",
                       sender="a route=hold", instance="\x1b\xff")
        mark = w.daemon.mark()
        w.ask("transport", "the.end@blocked.test")
        w.daemon.wait_log(r"\blookup domain=blocked\.test", mark)
        for line in w.daemon.text():
            check(line.isprintable(), "not printable", line)
            check(not line.startswith("lookup domain=evil"), line)
            check(len(line) <= 1100, "longer than a line may be", line)


def test_local_parts_stay_out():
    """Unless asked for."""
    for wanted in (False, True):
        with World({"log": {"level": "debug", "lookups": "all",
                            "recipients": wanted}}) as w:
            w.simple("blocked.test", DEAD, fakesmtp.CLOSE)
            w.judged("blocked.test", route="relay")
            for map_name in ("transport", "route"):
                w.ask(map_name, "confidential@blocked.test")
            with clients.Policy(w.policy_at) as policy:
                policy.ask(recipient="confidential@blocked.test",
                           sender="confidential@isp.test")
            w.ask("transport", "confidential@[127.0.0.1]")
            w.ask("transport", "confidential@not..valid")
            with clients.Raw(w.socketmap_at) as raw:
                raw.send(b"35:transport confidential@blocked.test;")
                raw.rest()
            mark = w.daemon.mark()
            w.ask("transport", "end@blocked.test")
            w.daemon.wait_log(r"\blookup domain=blocked\.test", mark)
            if not wanted:
                same([m.string for m in w.daemon.find("confidential")], [])


def test_decisions_file():
    """JSON lines, one decision each, reopened on SIGHUP."""
    def conf(w):
        return {"log": {"decisions": w.dir + "/decisions"}}
    with World(conf) as w:
        w.need("log.decisions")
        path = w.dir + "/decisions"
        w.simple("blocked.test", DEAD, fakesmtp.CLOSE)
        w.judged("blocked.test", route="relay")

        def written():
            w.transport("u@blocked.test")
            if not os.path.exists(path):
                return []
            with open(path) as file:
                return [line for line in file.read().split("\n")[:-1]
                        if "blocked.test" in line]
        lines = eventually(written, "a line in " + path)
        for line in lines:
            check(isinstance(json.loads(line), dict), line)
        entry = json.loads(lines[-1])
        same((entry.get("domain"), entry.get("route"), entry.get("via")),
             ("blocked.test", "relay", "r1"))
        os.rename(path, path + ".1")
        w.hangup()
        eventually(written, "a line in the new " + path)


def test_start_and_end_are_said():
    with World() as w:
        daemon = w.daemon
        w.stop()
        check(daemon.text(), "not a line in a whole life")


def test_lines_on_standard_error_have_their_time():
    """The log's do, from the first one on, in local time with its offset; what
    a check prints does not."""
    with World({"store": {"path": "/nonexistent/state.db"}},
               env={"TZ": "CST-8"}) as w:
        w.daemon.wait_log(r"^configuration \S+:\d+: store\.path has no effect")
        w.daemon.wait_log("^start version=")
        w.stop()
        for stamp, line in zip(w.last.stamps, w.last.text()):
            check(stamp.endswith("+08:00"), "no time before", line)
        spoken = datetime.datetime.fromisoformat(w.last.stamps[-1])
        away = datetime.datetime.now(datetime.timezone.utc) - spoken
        check(0 <= away.total_seconds() < harness.DEADLINE, away)
        checked = Daemon(w.conf_path, args=["-t"])
        same(checked.wait(), 0)
        check(checked.find(r"^%s:\d+: store\.path has no effect"
                           % re.escape(w.conf_path)), checked.text())
        same(set(checked.stamps), {""}, "times in what a check prints")


def test_lines_on_a_terminal_have_their_time():
    with World({"log": {"to": "auto"}}, start=False) as w:
        master, slave = os.openpty()
        try:
            w.daemon = Daemon(w.conf_path, wrap=[
                "sh", "-c", 'exec "$@" 2>/dev/fd/%d' % slave, "sh"],
                pass_fds=[slave])
            w.wait_ready()
            text = os.read(master, 4096).decode()
            for line in text.splitlines():
                check(harness.STAMP.match(line), line)
            check("listen service=" in text, text)
            w.stop()
        finally:
            os.close(master)
            os.close(slave)


def test_lines_for_the_journal_have_none():
    """It has its own, and wants the priority."""
    with World({"log": {"to": "auto"}}, start=False) as w:
        w.daemon = Daemon(w.conf_path, wrap=[
            "sh", "-c", "JOURNAL_STREAM=$(stat -L -c %d:%i /dev/fd/2) "
            'exec "$@"', "sh"])
        w.wait_ready()
        w.stop()
        same(set(w.last.stamps), {""}, "times for the journal")
        for line in w.last.text():
            check(re.match(r"<[2-6]>\w", line), line)


def test_syslog_prefix_of_systemd():
    """Under systemd lines carry their priority."""
    with World({"log": {"to": "auto"}},
               env={"JOURNAL_STREAM": "stderr"}, start=False) as w:
        # JOURNAL_STREAM names device and inode of standard error; ours does
        # not match, so both ways of seeing it are right.  It must start.
        w.start()
        w.expect("transport", "*", b"NOTFOUND ")
