# SPDX-License-Identifier: MIT
"""Recipients that the MTA rewrites: judged is where it takes them.

The MTA asks its transport map, or its mailertable, about what it made of a
recipient; the policy service and the milter are told what was typed. In the
daemon's log both are side by side.
"""

import itertools
import socket

from mailhost import POLICY
from scenarios_sendmail import start as start_sendmail
from util import check, wait
from world import GOOGLE_OLD, addresses

LOG = {"log": {"lookups": "all", "recipients": True}}
# isp.example, filtered.example and op.isp.example are the operator's.
# %s is a name that no other recipient has.
FORMS = (
    "%s@good.example", "%s", "%s@isp.example", "%s+tag@isp.example",
    # A domain in the local part.
    "%s%%good.example", "good.example!%s", '"%s@good.example"',
    '"%s%%good.example"', "%s%%good.example@isp.example",
    "good.example!%s@isp.example", "%s@good.example@isp.example",
    '"%s@good.example"@isp.example', '"%s%%good.example"@isp.example',
    '"good.example!%s"@isp.example', "%s%%good.example@op.isp.example",
    "%s%%filtered.example@isp.example", "isp.example!%s",
    "%s%%good.example@[127.0.0.1]", "%s%%Good.EXAMPLE.@ISP.example.",
    "%s+tag%%good.example@isp.example", '"%s x%%good.example"@isp.example',
    "%s%%[192.0.2.1]@isp.example", "%s%%good@isp.example",
    # Not rewritten: the last domain is not ours.
    "%s%%good.example@shop.cn", "good.example!%s@shop.cn",
    '"%s@good.example"@shop.cn', "isp.example!%s@good.example",
    "%s@good.example@shop.cn",
    # Nested, source routes, comments, blanks, empty domains.
    "%s%%shop.cn%%good.example", "good.example!shop.cn!%s",
    "good.example!%s%%shop.cn", "%s%%shop.cn%%good.example@isp.example",
    "good.example!shop.cn!%s@isp.example",
    "%s%%good.example%%filtered.example@isp.example",
    "%s%%good.example@filtered.example@isp.example",
    "isp.example!good.example!%s", "@shop.cn:%s@good.example",
    "@shop.cn,@isp.example:%s@good.example",
    "@isp.example:%s%%good.example@isp.example",
    "%s%%good.example(comment)@isp.example",
    " %s%%good.example @ isp.example ", "%s%%good.example@", "%s@",
    "%s@good.example.", "%s%%good.example..@isp.example",
    "%s%%good.example+tag@isp.example", "%s:x%%good.example@isp.example",
    "%s\\%%good.example@isp.example", "%s%%b\u00fccher.example@isp.example",
    "b\u00fccher.example!%s", "%s%%i\u2764.example@isp.example",
    "\u00fc%s%%good.example@isp.example")
# Of a Postfix that takes any number of bad recipients.
PATIENT = {"smtpd_soft_error_limit": "1000", "smtpd_hard_error_limit": "1000"}
# Nothing is measured of these.
NOWHERE = ("local", "self", "bad-name")


class Typist:
    """Types recipients in one session and reads what became of each."""

    def __init__(self, lab, options=""):
        self.lab = lab
        self.count = itertools.count()
        self.session = lab.op.smtp()
        lab.later(self.session.close)
        self.session.command_encoding = "utf-8"
        self.session.ehlo()
        code, text = self.session.docmd("MAIL FROM:<s@isp.example>" + options)
        check(code == 250, "%d %s" % (code, text))

    def take(self, form):
        """RCPT: what was typed and the lookups of it; None: refused."""
        name = "lab%dx" % next(self.count)
        before = len(self.lookups())
        code, _ = self.session.docmd("RCPT TO:<%s>" % (form % name))
        if code != 250:
            return None
        return form % name, name, self.lookups()[before:]

    def take_all(self, forms):
        """take() of each, without those that are refused."""
        return (got for got in map(self.take, forms) if got is not None)

    def judge(self, typed):
        """The line about a recipient of which no MTA said anything more."""
        before = len(self.lookups())
        with self.lab.net.inside("op"):
            sock = socket.create_connection(POLICY, 30)
        with sock:
            sock.sendall(("request=mxdetour_route\nrecipient=%s\n\n" %
                          typed).encode())
            check(b"action=DUNNO" in sock.recv(4096), typed)
        return [line for line in self.lookups()[before:]
                if line["proto"] == "policy"][-1]

    def lookups(self):
        """The daemon's lines so far."""
        mark = "mark%d.example" % next(self.count)
        self.lab.op.ask("transport", mark)
        self.lab.op.daemon.wait_line("lookup", domain=mark)
        return self.lab.op.daemon.lines("lookup")


def check_place(typed, judged, asked):
    """What was judged is what the MTA asks about."""
    text = "%s: judged %r, asked about %r" % (typed, judged, asked)
    if judged["reason"] in NOWHERE:
        check(asked is None or asked["reason"] in NOWHERE, text)
    else:
        check(asked is not None and judged["domain"] == asked["domain"], text)


def postfix_takes(lab, **wiring):
    """Types all forms into a Postfix; both lines of each must agree."""
    lab.op.start(LOG, settings=PATIENT, **wiring)
    typist = Typist(lab, " SMTPUTF8")
    taken = 0
    for typed, name, lines in typist.take_all(FORMS):
        judged = [line for line in lines if line["proto"] == "policy"]
        asked = [line for line in lines if line.get("map") == "transport"
                 and name in line.get("recipient", "")]
        check(asked, "%s: no lookup" % typed)
        if judged:  # the milter does not ask about a user alone
            check_place(typed, judged[-1], asked[-1])
            taken += 1
    check(taken >= len(FORMS) - 10, "only %d were taken" % taken)


def test_postfix_and_the_policy_service_agree(lab):
    """Of each form the domain judged is the one that Postfix asks about."""
    postfix_takes(lab)


def test_postfix_and_the_milter_agree(lab):
    """The same of the milter, by what Postfix says in {rcpt_addr}."""
    postfix_takes(lab, policy=False, milter=True)


def test_postfix_without_rewriting_and_the_milter_agree(lab):
    """With the hacks off the milter is told so, and judges what stands."""
    lab.op.start(LOG, policy=False, milter=True, settings={
        "allow_percent_hack": "no", "swap_bangpath": "no"})
    typist = Typist(lab)
    for form in ("%s%%good.example@isp.example", "good.example!%s@isp.example",
                 "%s%%shop.cn%%good.example@isp.example"):
        typed, _, lines = typist.take(form)
        judged = [line for line in lines if line["proto"] == "policy"][-1]
        check(judged["reason"] == "local", "%s: %r" % (typed, judged))


def test_sendmail_and_the_milter_agree(lab):
    """Of each form, with {rcpt_addr} and without, Sendmail's own domain."""
    start_sendmail(lab, LOG, blocks=("mailertable", "mailer", "milter"))
    typist = Typist(lab)
    taken = 0
    for typed, _, lines in typist.take_all(filter(str.isascii, FORMS)):
        judged = [line for line in lines if line["proto"] == "policy"]
        asked = [line for line in lines if line.get("map") == "mailertable"
                 and line["domain"] not in ("isp.example", "op.isp.example")]
        asked = asked[-1] if asked else None
        if judged:
            check_place(typed, judged[-1], asked)
            taken += 1
        if is_plain(typed):
            check_place(typed, typist.judge(typed.strip()), asked)
    check(taken >= len(FORMS) - 20, "only %d were taken" % taken)


def is_plain(typed):
    """Without what Sendmail reads in its own way: comments, backslashes, more
    than one dot at the end, and blanks in quotes, where it finds no domain."""
    return (not set(typed) & set("(\\") and ".." not in typed
            and not {'"', " "} <= set(typed))


def test_who_may_not_relay_cannot_by_another_form(lab):
    """A sender who may not: whatever Postfix would relay is refused."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    lab.op.start(dict(LOG, policy={
        "senders": [{"match": "domain:allowed.example"}],
        "on_sender_refused": "reject"}), settings=PATIENT)
    lab.op.wait_route("ihg.com", route="relay")
    typist = Typist(lab, " SMTPUTF8")
    refused = 0
    for form in FORMS:
        before = len(typist.lookups())
        got = typist.take(form.replace("good.example", "ihg.com"))
        lines = typist.lookups()[before:]
        relayed = [line for line in lines if line.get("map") == "transport"
                   and line["route"] == "relay"]
        check(got is None or not relayed, "%s was taken" % form)
        refused += bool(relayed)
    check(refused > 20, "only %d had to be refused" % refused)


def test_forwards_are_told_to_nobody(lab):
    """What aliases, canonical maps and copies add is never judged."""
    forwards = {
        "virtual_alias_maps": "inline:{ { al@isp.example = x@ihg.com } }",
        "recipient_canonical_maps":
            "inline:{ { ca@isp.example = x@ihg.com } }",
        "recipient_bcc_maps": "inline:{ { bc@isp.example = x@ihg.com } }",
        "always_bcc": "all@second.example"}
    lab.op.start(LOG, milter=True, settings=forwards)
    for name in ("al", "ca", "bc"):
        lab.op.send(name + "@isp.example")
    wait("the queue manager to ask", lambda: lab.op.daemon.lines(
        "lookup", map="transport", recipient="x@ihg.com"))
    judged = lab.op.daemon.lines("lookup", proto="policy")
    check({line["domain"] for line in judged} == {"isp.example"},
          repr(judged))
