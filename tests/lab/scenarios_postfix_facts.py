# SPDX-License-Identifier: MIT
"""Facts about Postfix that mxdetour is built on, seen with a recorder.

None of these needs mxdetourd: when one fails, Postfix has changed, and what
the daemon answers has to be thought over.
"""

import socketserver
import threading

from mailhost import (DNSFILTER_MAP, HELD_SETTINGS, POLICY, POLICY_SERVICE,
                      RELAY1, SOCKETMAP, TRANSPORT_MAP)
from recorder import Recorder
from util import check, wait
from world import GOOGLE, HOSTS, addresses, host_of, origin


def record(lab, answer=None):
    """A recorder in the daemon's place, until the scenario ends."""
    recorder = Recorder(lab.net, "op", SOCKETMAP, answer)
    lab.later(recorder.close)
    return recorder


def answers(table):
    """An answer function from {key: reply}."""
    return lambda name, key: table.get(key)


def refused(lab, recipient, sender="sender@isp.example"):
    """The code and text that RCPT (or MAIL) was refused with."""
    with lab.op.smtp() as session:
        session.ehlo()
        code, text = session.mail(sender)
        if code == 250:
            code, text = session.rcpt(recipient)
        session.rset()
    return code, text.decode()


def test_full_address_is_asked_and_nothing_else(lab):
    """The whole address is the key: no domain, no parent, no extension."""
    recorder = record(lab)
    lab.op.start_postfix({"transport_maps": TRANSPORT_MAP,
                          "recipient_delimiter": "+"})
    to = "user+tag@good.example"
    lab.op.send(to)
    lab.op.postfix.wait_status(to, "sent")
    check(set(recorder.keys()) == {"*", "sender@isp.example", to},
          "keys: %r" % recorder.keys())


def test_key_keeps_the_case_it_was_typed_in(lab):
    """The key is not lower-cased: folding is the map's work."""
    recorder = record(lab)
    lab.op.start_postfix({"transport_maps": TRANSPORT_MAP})
    to = "Us.Er@Good.ExamplE"
    lab.op.send(to)
    lab.op.postfix.wait_status(to, "sent")
    check(to in recorder.keys(), "keys: %r" % recorder.keys())
    check(to.lower() not in recorder.keys(), "keys: %r" % recorder.keys())


def test_odd_addresses_arrive_as_keys(lab):
    """Quoted local parts and address literals reach the map."""
    recorder = record(lab)
    lab.op.start_postfix({"transport_maps": TRANSPORT_MAP})
    literal = "u@[%s]" % HOSTS["mx.good.example"][0]
    with lab.op.smtp() as session:
        session.ehlo()
        session.docmd("MAIL FROM:<>")
        check(session.docmd('RCPT TO:<"a@b c"@good.example>')[0] == 250,
              "quoted refused")
        check(session.docmd("RCPT TO:<%s>" % literal)[0] == 250,
              "literal refused")
    check('"a@b c"@good.example' in recorder.keys(),
          "keys: %r" % recorder.keys())
    check(literal in recorder.keys(), "keys: %r" % recorder.keys())


def test_wildcard_is_asked_at_start(lab):
    """`*` is the first key that a new process asks."""
    recorder = record(lab)
    lab.op.start_postfix({"transport_maps": TRANSPORT_MAP})
    lab.op.send_new("good.example")
    check(recorder.keys()[0] == "*", "keys: %r" % recorder.keys())


def test_wildcard_error_fails_every_address(lab):
    """An error for `*` refuses recipients that the map says nothing about."""
    record(lab, answers({"*": "TEMP no"}))
    lab.op.start_postfix({"transport_maps": TRANSPORT_MAP})
    code, text = refused(lab, "u@good.example")
    check(code == 451, "%d %s" % (code, text))


def test_error_answer_refuses_for_now(lab):
    """TEMP for an address is 451 at RCPT, and no other map is asked."""
    to = "u@good.example"
    record(lab, answers({to: "TEMP no"}))
    lab.op.start_postfix({"transport_maps": TRANSPORT_MAP +
                          ", inline:{ { good.example = smtp: } }"})
    code, text = refused(lab, to)
    check(code == 451, "%d %s" % (code, text))
    check("emporary lookup failure" in text, text)


def start_held(lab):
    """Postfix with the map, and good.example's mail put on hold."""
    lab.op.start_postfix(dict(HELD_SETTINGS, transport_maps=TRANSPORT_MAP))


def test_error_answer_defers_queued_mail(lab):
    """An error at the queue manager's lookup defers: it does not bounce."""
    to = lab.op.recipient("good.example")
    replies = {}
    record(lab, answers(replies))
    start_held(lab)
    lab.op.send_and_release(to, lambda: replies.update({to: "PERM no"}))
    line = lab.op.postfix.wait_status(to, "deferred")
    check(line["dsn"] == "4.3.0", line["dsn"])
    check("address resolver failure" in line["text"], line["text"])
    check(lab.op.postfix.queued().get(to) == "deferred", "not in the queue")


def test_dead_map_defers_queued_mail(lab):
    """With nobody listening queued mail is deferred, not bounced."""
    to = lab.op.recipient("good.example")
    recorder = record(lab)
    start_held(lab)
    lab.op.send_and_release(to, recorder.close)
    line = lab.op.postfix.wait_status(to, "deferred")
    check("address resolver failure" in line["text"], line["text"])
    record(lab)
    lab.op.flush_until("the mail to be sent",
                       lambda: "sent" in lab.op.postfix.statuses(to))
    check("bounced" not in lab.op.postfix.statuses(to), "bounced")


def test_dead_map_refuses_new_mail_for_now(lab):
    """With nobody listening every sender and recipient gets a 451."""
    lab.op.start_postfix({"transport_maps": TRANSPORT_MAP})
    for to in ("u@good.example", "u@isp.example"):
        code, text = refused(lab, to)
        check(code == 451, "%s: %d %s" % (to, code, text))


def test_empty_answer_is_an_error(lab):
    """`OK ` with nothing after it is an error for the address."""
    to = "u@good.example"
    record(lab, answers({to: "OK "}))
    lab.op.start_postfix({"transport_maps": TRANSPORT_MAP})
    code, text = refused(lab, to)
    check(code == 451, "%d %s" % (code, text))


def test_lone_colon_means_no_change(lab):
    """`OK :` stops the search and changes nothing."""
    to = "u@good.example"
    record(lab, answers({to: "OK :"}))
    lab.op.start_postfix({"transport_maps": TRANSPORT_MAP +
                          ", inline:{ { good.example = error:no } }"})
    lab.op.send(to)
    mail = lab.world.wait_mail(to)
    check(origin(mail) == "direct", "came from " + mail["client"])


def test_local_recipients_are_asked_too(lab):
    """The map outranks local delivery: a wrong answer takes local mail out."""
    to = "u@isp.example"
    recorder = record(lab)
    lab.op.start_postfix({"transport_maps": TRANSPORT_MAP})
    lab.op.send(to)
    lab.op.postfix.wait_status(to, "sent")
    check(to in recorder.keys(), "keys: %r" % recorder.keys())
    check(lab.op.postfix.deliveries(to)[0]["relay"] == "virtual", "not local")
    other = "v@isp.example"
    recorder.answer = answers({other: "OK smtp:[mx.good.example]"})
    lab.op.send(other)
    lab.world.wait_mail(other)


def test_sender_is_asked_at_mail_from(lab):
    """Each MAIL FROM is looked up: strangers decide what we are asked."""
    recorder = record(lab)
    lab.op.start_postfix({"transport_maps": TRANSPORT_MAP})
    with lab.op.smtp() as session:
        session.ehlo()
        session.mail("stranger@spam.example")
        check("stranger@spam.example" in recorder.keys(),
              "keys: %r" % recorder.keys())


def test_queue_manager_asks_again(lab):
    """RCPT asks, and the queue manager once more: its answer counts."""
    to = lab.op.recipient("good.example")
    replies = {}
    recorder = record(lab, answers(replies))
    start_held(lab)
    lab.op.send_and_release(to, lambda: (
        check(to in recorder.keys(), "not asked at RCPT"),
        replies.update({to: "OK smtp:[mx.lonely.example]"})))
    mail = lab.world.wait_mail(to)
    check(host_of(mail) == "mx.lonely.example", "went to " + host_of(mail))
    check(recorder.keys().count(to) == 2, "keys: %r" % recorder.keys())


def test_steer_answer_with_empty_transport(lab):
    """`OK :[a],[b]`: the default transport, a first; b when a refuses."""
    first, second = GOOGLE[3], GOOGLE[4]
    to = lab.op.recipient("recommended.example")
    record(lab, answers({to: "OK :[%s],[%s]" % (first, second)}))
    lab.op.start_postfix({"transport_maps": TRANSPORT_MAP})
    lab.op.send(to)
    check(host_of(lab.world.wait_mail(to)) == first, "not the first host")
    lab.fw.block("refuse", *addresses(first))
    lab.op.send(to)
    mail = wait("the second message", lambda: [
        m for m in lab.world.mails(to) if host_of(m) == second])
    check(origin(mail[0]) == "direct", "came from " + mail[0]["client"])
    lab.op.check_no_deferral(to)


def test_empty_transport_keeps_sender_dependent_default(lab):
    """`OK :[a]` keeps sender_dependent_default_transport_maps, `smtp:` not."""
    kept, lost = lab.op.recipient("good.example"), lab.op.recipient(
        "good.example")
    record(lab, answers({kept: "OK :[mx.good.example]",
                         lost: "OK smtp:[mx.good.example]"}))
    lab.op.start_postfix({
        "transport_maps": TRANSPORT_MAP,
        "sender_dependent_default_transport_maps":
            "inline:{ { @isp.example = detour: } }"})
    for to, instance in ((kept, "/detour"), (lost, "")):
        lab.op.send(to)
        line = lab.op.postfix.wait_status(to, "sent")
        check(line["instance"] == instance, "%s: by %r" % (
            to, line["instance"]))


def test_relay_answer_with_two_relays(lab):
    """`OK relay:[a]:587,[b]:587`: b when a refuses, without a deferral."""
    to = lab.op.recipient("good.example")
    record(lab, answers({to: "OK relay:[relay1.example.net]:587,"
                             "[relay2.example.net]:587"}))
    lab.op.start_postfix({"transport_maps": TRANSPORT_MAP})
    lab.op.send(to)
    check(origin(lab.world.wait_mail(to)) == "us1", "not the first relay")
    lab.fw.block("refuse", *addresses("relay1.example.net"))
    lab.op.send(to)
    wait("the second message", lambda: [
        m for m in lab.world.mails(to) if origin(m) == "us2"])
    lab.op.check_no_deferral(to)


def test_second_hop_when_the_first_is_silent(lab):
    """`OK :[a],[b]`: b is tried when a times out, too."""
    first, second = GOOGLE[3], GOOGLE[4]
    to = lab.op.recipient("recommended.example")
    lab.fw.block("drop", *addresses(first))
    record(lab, answers({to: "OK :[%s],[%s]" % (first, second)}))
    lab.op.start_postfix({"transport_maps": TRANSPORT_MAP,
                          "smtp_connect_timeout": "1s"})
    lab.op.send(to)
    check(host_of(lab.world.wait_mail(to)) == second, "not the second host")
    check("connect to %s[" % first in lab.op.postfix.log(),
          "did not try the first")


def test_retry_answer_refuses_at_rcpt(lab):
    """`OK retry:4.4.1 text` is known at RCPT: the client gets a 450."""
    to = "u@good.example"
    record(lab, answers({to: "OK retry:4.4.1 no way abroad"}))
    lab.op.start_postfix({"transport_maps": TRANSPORT_MAP})
    code, text = refused(lab, to)
    check(code == 450, "%d %s" % (code, text))
    check("4.4.1" in text and "no way abroad" in text, text)


def test_retry_answer_defers_queued_mail(lab):
    """`OK retry:4.4.1 text` keeps queued mail in the queue with that text."""
    to = lab.op.recipient("good.example")
    replies = {}
    record(lab, answers(replies))
    start_held(lab)
    lab.op.send_and_release(to, lambda: replies.update(
        {to: "OK retry:4.4.1 no way abroad"}))
    line = lab.op.postfix.wait_status(to, "deferred")
    check(line["dsn"] == "4.4.1", line["dsn"])
    check("no way abroad" in line["text"], line["text"])


def test_flip_of_the_answer_takes_effect_by_itself(lab):
    """Deferred mail is looked up again when it is tried again."""
    to = lab.op.recipient("good.example")
    replies = {}
    record(lab, answers(replies))
    start_held(lab)
    lab.op.send_and_release(to, lambda: replies.update(
        {to: "OK retry:4.4.1 wait"}))
    lab.op.postfix.wait_status(to, "deferred")
    replies[to] = "OK relay:" + RELAY1
    mail = lab.op.flush_until("the message after the flip",
                              lambda: lab.world.mails(to))[0]
    check(origin(mail) == "us1", "came from " + mail["client"])


def test_dead_policy_service_refuses_all_mail(lab):
    """Without default_action a dead policy service refuses every RCPT."""
    lab.op.start_postfix(policy="check_policy_service { "
                                "inet:127.0.0.1:2528, timeout=15s, "
                                "try_limit=1 }")
    code, text = refused(lab, "u@good.example")
    check(code == 451, "%d %s" % (code, text))


def test_dead_policy_service_with_default_action(lab):
    """With default_action=DUNNO a dead policy service harms nobody."""
    lab.op.start_postfix(policy=POLICY_SERVICE)
    to = lab.op.send_new("good.example")
    lab.world.wait_mail(to)
    lab.op.check_no_deferral(to)


def test_policy_request_names_recipient_and_instance(lab):
    """A policy request comes per RCPT and names the message."""
    policy = PolicyRecorder(lab)
    lab.op.start_postfix(policy=True)
    lab.op.send("a@good.example", "b@lonely.example")
    check([r["recipient"] for r in policy.requests] ==
          ["a@good.example", "b@lonely.example"], repr(policy.requests))
    check(all(r["request"] == "smtpd_access_policy"
              and r["protocol_state"] == "RCPT"
              and r["sender"] == "sender@isp.example"
              for r in policy.requests), repr(policy.requests))
    check(policy.requests[0]["instance"] and
          len({r["instance"] for r in policy.requests}) == 1,
          "instance: %r" % policy.requests)


def test_dns_filter_keys_are_records_as_text(lab):
    """smtp_dns_reply_filter asks with the record's owner, TTL, type, data."""
    recorder = record(lab)
    lab.op.start_postfix({"smtp_dns_reply_filter": DNSFILTER_MAP})
    to = lab.op.send_new("recommended.example")
    lab.world.wait_mail(to)
    keys = recorder.keys("dnsfilter")
    check("recommended.example. 12878 IN MX 1 aspmx.l.google.com." in keys,
          "keys: %r" % keys)
    check("aspmx.l.google.com. 300 IN A 203.0.113.1" in keys,
          "keys: %r" % keys)
    to = lab.op.send_new("dual.example")
    lab.world.wait_mail(to)
    keys = recorder.keys("dnsfilter")
    check("d1.dual.example. 300 IN AAAA 2001:db8:100::1" in keys,
          "keys: %r" % keys)


def dead(listed):
    """An answer function that drops the address records of some hosts."""
    dropped = addresses(*listed)

    def answer(name, key):
        fields = key.split()
        if name == "dnsfilter" and fields[-1] in dropped:
            return "OK IGNORE"
        return None
    return answer


def test_dns_filter_drops_single_addresses(lab):
    """`OK IGNORE` for the dead hosts: the live one is taken at once."""
    lab.fw.block("drop", *addresses(*GOOGLE[:3]))
    record(lab, dead(GOOGLE[:3]))
    lab.op.start_postfix({"smtp_dns_reply_filter": DNSFILTER_MAP})
    to = lab.op.send_new("recommended.example")
    mail = lab.world.wait_mail(to)
    check(host_of(mail) in GOOGLE[3:], "went to " + host_of(mail))
    lab.op.check_no_deferral(to)
    lab.op.check_never_tried(*GOOGLE[:3])


def test_dns_filter_gets_to_the_fourth_host_of_a_dual_stack_site(lab):
    """The filter works before the limit of five addresses is applied."""
    names = sorted(h for h in HOSTS if h.endswith(".dual.example"))
    lab.fw.block("drop", *addresses(*names[:3]))
    record(lab, dead(names[:3]))
    lab.op.start_postfix({"smtp_dns_reply_filter": DNSFILTER_MAP})
    to = lab.op.send_new("dual.example")
    mail = lab.world.wait_mail(to)
    check(host_of(mail) == names[3], "went to " + host_of(mail))
    lab.op.check_no_deferral(to)


def test_dns_filter_that_drops_all_defers(lab):
    """All addresses dropped and no fallback: 4.7.0, the queue keeps it."""
    record(lab, dead(GOOGLE))
    lab.op.start_postfix({"smtp_dns_reply_filter": DNSFILTER_MAP})
    to = lab.op.send_new("recommended.example")
    line = lab.op.postfix.wait_status(to, "deferred")
    check(line["dsn"] == "4.7.0", line["dsn"])
    check("DNS reply filter drops all results" in line["text"], line["text"])


def test_dns_filter_that_drops_all_takes_the_fallback_relay(lab):
    """All addresses dropped: smtp_fallback_relay at once, nobody is tried."""
    lab.fw.block("drop", *addresses(*GOOGLE))
    record(lab, dead(GOOGLE))
    lab.op.start_postfix({"smtp_dns_reply_filter": DNSFILTER_MAP,
                          "smtp_fallback_relay": RELAY1})
    to = lab.op.send_new("recommended.example")
    mail = lab.world.wait_mail(to)
    check(origin(mail) == "us1", "came from " + mail["client"])
    lab.op.check_no_deferral(to)
    lab.op.check_never_tried(*GOOGLE)


def test_dead_dns_filter_defers_by_smtp_only(lab):
    """A dead filter lets local mail pass; mail abroad waits in the queue."""
    lab.op.start_postfix({"smtp_dns_reply_filter": DNSFILTER_MAP})
    local, abroad = "u@isp.example", lab.op.recipient("good.example")
    lab.op.send(local)
    lab.op.postfix.wait_status(local, "sent")
    lab.op.send(abroad)
    lab.op.postfix.wait_status(abroad, "deferred")
    record(lab)
    lab.op.postfix.flush()
    lab.op.postfix.wait_status(abroad, "sent")


def test_postmap_queries_a_socketmap(lab):
    """`postmap -q`: exit 0 and the answer, exit 1 and nothing for NOTFOUND."""
    record(lab, answers({"u@ihg.com": "OK relay:" + RELAY1}))
    lab.op.start_postfix()
    got = lab.op.postfix.postmap("u@ihg.com", TRANSPORT_MAP)
    check(got == (0, "relay:" + RELAY1), repr(got))
    got = lab.op.postfix.postmap("u@good.example", TRANSPORT_MAP)
    check(got == (1, ""), repr(got))


def test_smtputf8_domain_arrives_as_u_label(lab):
    """With SMTPUTF8 the key holds the domain in UTF-8."""
    recorder = record(lab)
    lab.op.start_postfix({"transport_maps": TRANSPORT_MAP})
    with lab.op.smtp() as session:
        session.ehlo()
        check(session.docmd("MAIL FROM:<> SMTPUTF8")[0] == 250, "MAIL")
        session.command_encoding = "utf-8"
        session.docmd("RCPT TO:<u@b\u00fccher.example>")
    check("u@b\u00fccher.example" in recorder.keys(),
          "keys: %r" % recorder.keys())


def test_utf8_needs_a_host_that_takes_it(lab):
    """A UTF-8 address and a nexthop without SMTPUTF8: bounced, not kept."""
    lab.op.start_postfix({"smtp_discard_ehlo_keywords": "smtputf8"})
    to = lab.op.recipient("b\u00fccher.example")
    lab.op.send(to, options=["SMTPUTF8"])
    line = lab.op.postfix.wait_status(to, "bounced")
    check(line["dsn"] == "5.6.7" and "SMTPUTF8 is required" in line["text"],
          repr(line))
    # An A-label needs no SMTPUTF8, whatever MAIL said.
    to = lab.op.recipient("xn--bcher-kva.example")
    lab.op.send(to, options=["SMTPUTF8"])
    lab.op.postfix.wait_status(to, "sent")


class PolicyRecorder:
    """A policy service that says DUNNO and remembers the requests."""

    def __init__(self, lab):
        self.requests = []
        requests = self.requests

        class Handler(socketserver.StreamRequestHandler):
            """One connection of smtpd."""

            def handle(self):
                request = {}
                for line in self.rfile:
                    name, is_pair, value = line.decode().rstrip(
                        "\n").partition("=")
                    if is_pair:
                        request[name] = value
                        continue
                    requests.append(request)
                    request = {}
                    self.wfile.write(b"action=DUNNO\n\n")

        class Server(socketserver.ThreadingTCPServer):
            """A thread for each connection."""
            allow_reuse_address = True
            daemon_threads = True

        with lab.net.inside("op"):
            server = Server(POLICY, Handler)
        threading.Thread(target=server.serve_forever, args=(0.1,),
                         daemon=True).start()
        lab.later(server.server_close)
        lab.later(server.shutdown)
