# SPDX-License-Identifier: MIT
"""What mxdetourd makes of blocked, half-blocked and open destinations."""

import re

from mailhost import OP4
from util import check, wait
from world import (DOMAINS, DUAL, GOOGLE, GOOGLE_OLD, HOSTS, NO_MAIL,
                   STRANGERS, addresses, host_of, origin)

DEAD_2015 = GOOGLE[:3] + GOOGLE_OLD[3:]


def relayed(lab, to, relay="us1"):
    """A message went by the relay, at once."""
    mail = lab.world.wait_mail(to)
    check(origin(mail) == relay, "%s came from %s" % (to, mail["client"]))
    lab.op.postfix.wait_status(to, "sent")
    lab.op.check_no_deferral(to)


def direct(lab, to, *hosts):
    """A message went directly to one of the hosts, at once."""
    mail = lab.world.wait_mail(to)
    check(origin(mail) == "direct", "%s came from %s" % (to, mail["client"]))
    check(host_of(mail) in hosts, "%s went to %s" % (to, host_of(mail)))
    lab.op.postfix.wait_status(to, "sent")
    lab.op.check_no_deferral(to)


def test_september_2015_steered_by_nexthop(lab):
    """9 September 2015: recommended set to alt3 and alt4, others relayed."""
    lab.fw.block("drop", *addresses(*DEAD_2015))
    lab.op.start({"direct": {"steer": "nexthop"}})
    to = lab.op.send_new("recommended.example")
    direct(lab, to, *GOOGLE[3:])
    lab.op.check_never_tried(*GOOGLE[:3])
    for domain in ("ihg.com", "second.example"):
        relayed(lab, lab.op.send_new(domain))
    reply = lab.op.ask("transport", "any@recommended.example")
    check(reply in ("OK :[%s],[%s]" % (GOOGLE[3], GOOGLE[4]),
                    "OK :[%s],[%s]" % (GOOGLE[4], GOOGLE[3])), reply)
    reply = lab.op.ask("transport", "any@ihg.com")
    check(reply == "OK detour:[relay1.example.net]:587,"
          "[relay2.example.net]:587", reply)
    # The word for word answer holds for the domain alone and for @domain.
    for key in ("ihg.com", "@ihg.com", "Any.One@IHG.Com", "a@ihg.com."):
        check(lab.op.ask("transport", key) == reply, "%s: %s" % (
            key, lab.op.ask("transport", key)))
    route = lab.op.route("recommended.example")
    check(route["domain"] == "recommended.example"
          and route["route"] == "steer" and route["reason"] == "some-reachable"
          and route["mx"] == "2/5", repr(route))
    for domain in ("ihg.com", "second.example"):
        route = lab.op.route(domain)
        check(route["route"] == "relay" and route["via"] == "us1"
              and route["reason"] == "none-reachable"
              and route["mx"] == "0/5", repr(route))
        lab.op.daemon.wait_line("lookup", domain=domain, route="relay",
                                via="us1", reason="none-reachable", mx="0/5",
                                proto="socketmap", map="transport")
    lab.op.daemon.wait_line("lookup", domain="recommended.example",
                            route="steer", reason="some-reachable", mx="2/5")
    for host in DEAD_2015:
        lab.op.daemon.wait_line("endpoint", address=HOSTS[host][0],
                                host=host, new="unreachable",
                                outcome="connect-timeout")
    check(lab.op.daemon.lines("transition", new="relay",
                              reason="none-reachable"), "no transition line")


def test_september_2015_steered_by_dnsfilter(lab):
    """The same with the filter: the nexthop stays the domain."""
    lab.fw.block("drop", *addresses(*DEAD_2015))
    lab.op.start({"direct": {"steer": "dnsfilter"}}, wiring="dnsfilter")
    to = lab.op.send_new("recommended.example")
    direct(lab, to, *GOOGLE[3:])
    lab.op.check_never_tried(*GOOGLE[:3])
    for domain in ("ihg.com", "second.example"):
        relayed(lab, lab.op.send_new(domain))
    check(lab.op.ask("transport", "any@recommended.example") == "NOTFOUND ",
          "the transport map should say nothing")
    check(lab.op.route("recommended.example")["route"] == "steer",
          "the route should read steer")
    record = "%s. 300 IN A %s"
    for host in GOOGLE:
        reply = lab.op.ask("dnsfilter", record % (host, HOSTS[host][0]))
        wanted = "OK IGNORE" if host in GOOGLE[:3] else "NOTFOUND "
        check(reply == wanted, "%s: %s" % (host, reply))
    # Of ihg.com's own hosts nothing is dropped: no set with something up
    # lists them, and dropping all would only turn a timeout into a deferral.
    for host in GOOGLE_OLD[3:]:
        reply = lab.op.ask("dnsfilter", record % (host, HOSTS[host][0]))
        check(reply == "NOTFOUND ", "%s: %s" % (host, reply))
    for key in ("recommended.example. 300 IN MX 1 aspmx.l.google.com.",
                record % ("relay1.example.net", "198.51.100.21"),
                record % ("op.isp.example", OP4)):
        check(lab.op.ask("dnsfilter", key) == "NOTFOUND ", key)


def test_april_2015_block_and_return(lab):
    """28 April 2015: all relayed; alt3 returns: steer; aspmx too: direct."""
    lab.fw.block("drop", *addresses(*GOOGLE))
    lab.op.start()
    domain = "recommended.example"
    relayed(lab, lab.op.send_new(domain))

    lab.fw.allow(*addresses(GOOGLE[3]))
    lab.op.wait_route(domain, route="steer", reason="some-reachable",
                      mx="1/5")
    direct(lab, lab.op.send_new(domain), GOOGLE[3])
    lab.op.daemon.wait_line("transition", old="relay", new="steer",
                            reason="some-reachable")
    lab.op.daemon.wait_line("endpoint", address=HOSTS[GOOGLE[3]][0],
                            old="unreachable", new="reachable")

    lab.fw.allow(*addresses(GOOGLE[0]))
    lab.op.wait_route(domain, route="direct", reason="best-reachable",
                      mx="2/5")
    direct(lab, lab.op.send_new(domain), GOOGLE[0])
    lab.op.daemon.wait_line("transition", old="steer", new="direct",
                            reason="best-reachable")
    lab.op.check_never_tried(*GOOGLE)

    lab.fw.allow(*addresses(*GOOGLE))
    lab.op.wait_route(domain, route="direct", reason="all-reachable",
                      mx="5/5")


def test_block_of_what_was_open(lab):
    """Hosts that were up and are blocked: the route turns by itself."""
    lab.op.start()
    domain = "recommended.example"
    direct(lab, lab.op.send_new(domain), GOOGLE[0])
    lab.op.wait_route(domain, route="direct", reason="all-reachable")
    lab.fw.block("drop", *addresses(*GOOGLE))
    lab.op.wait_route(domain, route="relay", reason="none-reachable")
    relayed(lab, lab.op.send_new(domain))
    line = lab.op.daemon.wait_line("endpoint", address=HOSTS[GOOGLE[0]][0],
                                   old="reachable", new="unreachable",
                                   outcome="connect-timeout")
    check(int(line["count"]) >= 2, "went down after one failure: %r" % line)


def test_first_message_ever_is_relayed(lab):
    """Twenty domains never seen before: relayed, not one deferral."""
    lab.fw.block("drop", *addresses(*GOOGLE))
    lab.op.start()
    sent = [lab.op.send_new(domain) for domain in STRANGERS[:20]]
    for to in sent:
        relayed(lab, to)
    lab.op.check_never_tried(*GOOGLE)


def test_first_message_to_many_domains_at_once(lab):
    """One message to twenty unseen domains: one budget, all relayed."""
    lab.fw.block("drop", *addresses(*GOOGLE))
    lab.op.start()
    to = [lab.op.recipient(domain) for domain in STRANGERS[:20]]
    lab.op.send(*to)
    for recipient in to:
        relayed(lab, recipient)


def test_one_message_to_everybody(lab):
    """Each recipient of one message takes the way of its own domain."""
    lab.fw.block("drop", *addresses(*DEAD_2015))
    lab.op.start()
    abroad, steered, open_, local = [lab.op.recipient(d) for d in (
        "ihg.com", "recommended.example", "good.example", "isp.example")]
    lab.op.send(abroad, steered, open_, local)
    relayed(lab, abroad)
    direct(lab, steered, *GOOGLE[3:])
    direct(lab, open_, "mx.good.example")
    line = lab.op.postfix.wait_status(local, "sent")
    check(line["relay"] == "virtual", "local mail by " + line["relay"])


def test_without_policy_the_map_learns(lab):
    """Transport map alone: the second message is relayed."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    lab.op.start(policy=False)
    check(lab.op.ask("transport", "any@ihg.com") == "NOTFOUND ",
          "a cold lookup should be direct")
    lab.op.wait_route("ihg.com", route="relay", reason="none-reachable")
    relayed(lab, lab.op.send_new("ihg.com"))


def test_open_destinations_are_left_alone(lab):
    """Nothing blocked: direct to the best MX, every answer NOTFOUND."""
    lab.op.start()
    for domain, host in (("ihg.com", GOOGLE[0]),
                         ("good.example", "mx.good.example"),
                         ("implicit.example", "implicit.example"),
                         ("slow.example", "mx.slow.example")):
        direct(lab, lab.op.send_new(domain), host)
        lab.op.wait_route(domain, route="direct", reason="all-reachable")
        reply = lab.op.ask("transport", "any@" + domain)
        check(reply == "NOTFOUND ", "%s: %s" % (domain, reply))


def test_implicit_mx_is_judged_as_any_set(lab):
    """A domain without MX whose own address is blocked goes by the relay."""
    lab.fw.block("drop", *addresses("implicit.example"))
    lab.op.start()
    relayed(lab, lab.op.send_new("implicit.example"))
    lab.op.wait_route("implicit.example", route="relay", mx="0/1")


def learn_dead(lab, domain, *dead):
    """Waits until the daemon knows these addresses of a domain to be dead."""
    lab.op.ask("transport", "any@" + domain)
    for address in dead:
        lab.op.daemon.wait_line("endpoint", address=address,
                                new="unreachable")


def test_one_dead_address_of_a_host(lab):
    """A host with one address up and one down is up, and mail gets there."""
    lab.fw.block("drop", HOSTS["mx.twoaddr.example"][0])
    lab.op.start({"direct": {"steer": "dnsfilter"}}, wiring="dnsfilter")
    learn_dead(lab, "twoaddr.example", HOSTS["mx.twoaddr.example"][0])
    to = lab.op.send_new("twoaddr.example")
    direct(lab, to, "mx.twoaddr.example")
    lab.op.check_never_tried("mx.twoaddr.example")
    lab.op.wait_route("twoaddr.example", route="direct", mx="1/1",
                      reason="all-reachable")
    for address, reply in zip(HOSTS["mx.twoaddr.example"],
                              ("OK IGNORE", "NOTFOUND ")):
        key = "mx.twoaddr.example. 300 IN A " + address
        check(lab.op.ask("dnsfilter", key) == reply, key)


def test_dead_backup_changes_nothing(lab):
    """Only the last MX is dead: direct, best-reachable."""
    lab.fw.block("drop", *addresses(*GOOGLE[3:]))
    lab.op.start()
    direct(lab, lab.op.send_new("recommended.example"), GOOGLE[0])
    lab.op.wait_route("recommended.example", route="direct",
                      reason="best-reachable", mx="3/5")


def test_dual_stack_steered_to_the_fourth_host(lab):
    """IPv4 and IPv6 mixed, fourth and fifth host alive: delivered at once."""
    names = sorted(DUAL)
    lab.fw.block("drop", *addresses(*names[:3]))
    for steer, wiring in (("nexthop", "transport"),
                          ("dnsfilter", "dnsfilter")):
        lab.op.begin()
        lab.op.start({"direct": {"steer": steer}}, wiring=wiring)
        direct(lab, lab.op.send_new("dual.example"), *names[3:])
        lab.op.check_never_tried(*names[:3])
        lab.op.wait_route("dual.example", route="steer", mx="2/5")


def test_mx_that_are_addresses(lab):
    """As Postfix takes them; steered to by their literals."""
    lab.op.start({"direct": {"steer": "nexthop"}})
    direct(lab, lab.op.send_new("literal.example"), "mx.twoaddr.example")
    check("numeric domain name in resource data of MX record for "
          "literal.example: 198.18.8.1" in lab.op.postfix.log(),
          "Postfix says nothing of it")
    check("dns name=literal.example type=MX host=2001:db8:100::1 "
          in lab.op.daemon.log(), "nor do we")
    for dead, reply, host in (
            ("198.18.8.1", "OK :[IPv6:2001:db8:100::1],[198.18.2.1]",
             "d1.dual.example"),
            ("2001:db8:100::1", "OK :[198.18.2.1]", "mx.lonely.example")):
        lab.fw.block("drop", dead)
        wait("the answer " + reply, lambda reply=reply: lab.op.ask(
            "transport", "any@literal.example") == reply, pause=1.0)
        direct(lab, lab.op.send_new("literal.example"), host)
    lab.fw.block("drop", "198.18.2.1")
    lab.op.wait_route("literal.example", route="relay", mx="0/3")
    relayed(lab, lab.op.send_new("literal.example"))


def test_dual_stack_without_a_way_by_ipv6(lab):
    """IPv6 dead everywhere, IPv4 open: the hosts are up, mail goes direct."""
    names = sorted(DUAL)
    lab.fw.block("drop", *[HOSTS[n][1] for n in names])
    lab.op.start({"direct": {"steer": "dnsfilter"}}, wiring="dnsfilter")
    learn_dead(lab, "dual.example", *[HOSTS[n][1] for n in names])
    direct(lab, lab.op.send_new("dual.example"), *names)
    lab.op.check_never_tried(*names)
    lab.op.wait_route("dual.example", mx="5/5")


def test_cautious_wiring(lab):
    """Filter and smtp_fallback_relay alone: blocked relayed, open direct."""
    lab.fw.block("drop", *addresses(*DEAD_2015))
    lab.op.start({"direct": {"steer": "dnsfilter", "filter_all": True}},
                 wiring="cautious")
    for domain in ("ihg.com", "second.example"):
        relayed(lab, lab.op.send_new(domain))
    direct(lab, lab.op.send_new("recommended.example"), *GOOGLE[3:])
    direct(lab, lab.op.send_new("good.example"), "mx.good.example")
    lab.op.check_never_tried(*DEAD_2015)
    # Local mail never meets us.
    lab.op.send("u@isp.example")
    lab.op.postfix.wait_status("u@isp.example", "sent")


def test_cautious_wiring_learns_from_the_filter(lab):
    """Without the policy service smtp(8)'s own questions are enough."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    lab.op.start({"direct": {"steer": "dnsfilter", "filter_all": True}},
                 wiring="cautious", policy=False)
    lab.op.send_new("ihg.com")
    lab.op.daemon.wait_line("transition", new="relay",
                            reason="none-reachable")
    relayed(lab, lab.op.send_new("ihg.com"))


def test_our_own_domains_are_never_rerouted(lab):
    """Local, and listed with us among the MX: direct, though all blocked."""
    lab.fw.block("drop", *addresses("mxb.elsewhere.example"))
    lab.op.start(settings={"smtp_connect_timeout": "1s"})
    for domain, reason in (("isp.example", "local"),
                           ("filtered.example", "local"),
                           ("hosted.example", "self"),
                           ("aliased.example", "self")):
        to = lab.op.send_new(domain)
        if reason == "local":
            line = lab.op.postfix.wait_status(to, "sent")
            check(line["relay"] == "virtual", "%s by %s" % (
                to, line["relay"]))
        else:
            line = lab.op.postfix.wait_status(to, "deferred")
            check("mxb.elsewhere.example" in line["text"], line["text"])
        lab.op.wait_route(domain, route="direct", reason=reason)
        reply = lab.op.ask("transport", to)
        check(reply == "NOTFOUND ", "%s: %s" % (to, reply))
    for literal in ("u@[%s]" % OP4, "u@[IPv6:2001:db8:1::1]",
                    "u@[198.18.1.1]"):
        reply = lab.op.ask("transport", literal)
        check(reply == "NOTFOUND ", "%s: %s" % (literal, reply))
    check("detour" not in "".join(d["instance"] for t in (
        "isp", "filtered", "hosted", "aliased")
        for d in lab.op.postfix.deliveries("u@%s.example" % t)), "relayed")


def test_rules_do_not_outrank_ourselves(lab):
    """A rule that relays everything leaves local and own domains alone."""
    lab.op.start({"rules": [{"name": "all", "domain": ["*"],
                             "route": "relay"}]})
    relayed(lab, lab.op.send_new("good.example"))
    lab.op.wait_route("good.example", route="relay", reason="rule:all")
    lab.op.send("u@isp.example")
    line = lab.op.postfix.wait_status("u@isp.example", "sent")
    check(line["relay"] == "virtual", "local mail by " + line["relay"])
    lab.op.wait_route("hosted.example", route="direct", reason="self")


def test_rules(lab):
    """A rule by suffix keeps .cn direct, one by MX chooses the relay."""
    lab.fw.block("drop", *addresses("mx.shop.cn", *GOOGLE_OLD))
    lab.op.start({"rules": [
        {"name": "china", "domain": ["*.cn"], "route": "direct"},
        {"name": "google", "mx": ["*.google.com"], "route": "auto",
         "relays": ["us2"]},
        {"domain": ["good.example"], "route": "relay"},
    ]})
    lab.op.wait_route("shop.cn", route="direct", reason="rule:china")
    relayed(lab, lab.op.send_new("ihg.com"), "us2")
    relayed(lab, lab.op.send_new("good.example"))
    lab.op.wait_route("good.example", route="relay", reason="rule:#3")


def test_domains_without_mail_bounce_as_ever(lab):
    """Null MX, no MX and no address, no domain: Postfix bounces, no probe."""
    lab.op.start()
    expected = (("nullmx.example", "null-mx", "5.1.0"),
                (NO_MAIL, "no-mx", "5.4.4"),
                ("nosuchdomain.example", "no-domain", "5.4.4"))
    for domain, reason, dsn in expected:
        to = lab.op.send_new(domain)
        line = lab.op.postfix.wait_status(to, "bounced")
        check(line["dsn"] == dsn, "%s: %s" % (domain, line["dsn"]))
        route = lab.op.wait_route(domain, route="direct", reason=reason)
        check(route["via"] == "-", repr(route))
        reply = lab.op.ask("transport", "any@" + domain)
        check(reply == "NOTFOUND ", "%s: %s" % (domain, reply))
        lab.op.wait_inbox(to)


def test_idn_domain_in_both_spellings(lab):
    """A domain in UTF-8 and its A-label are one domain."""
    lab.fw.block("drop", *addresses("mx.xn--bcher-kva.example"))
    lab.op.start()
    relayed(lab, lab.op.send_new("xn--bcher-kva.example"))
    lab.op.wait_route("b\u00fccher.example", route="relay",
                      domain="xn--bcher-kva.example")
    reply = lab.op.ask("transport", "u@b\u00fccher.example")
    check(reply.startswith("OK detour:[relay1."), reply)


def test_symbol_domain_in_both_spellings(lab):
    """An emoji domain is judged by the A-label that Postfix delivers to."""
    lab.op.start()
    to = lab.op.recipient("i\u2764.example")
    lab.op.send(to, options=["SMTPUTF8"])
    lab.op.postfix.wait_status(to, "sent")
    check("relay=mx.xn--i-7iq.example[" in
          lab.op.postfix.log(), "not to the MX of the A-label")
    lab.op.wait_route("i\u2764.example", route="direct",
                      reason="all-reachable", domain="xn--i-7iq.example")
    lab.fw.block("drop", *addresses("mx.xn--i-7iq.example"))
    lab.op.wait_route("xn--i-7iq.example", route="relay")
    to = lab.op.recipient("i\u2764.example")
    lab.op.send(to, options=["SMTPUTF8"])
    lab.op.postfix.wait_status(to, "sent")
    check("postfix/detour/" in lab.op.postfix.log(), "not by the relay")


def test_owner_repairs_the_mx(lab):
    """alt3 is added to a relayed domain's MX: seen, and mail goes there."""
    lab.fw.block("drop", *addresses(*DEAD_2015))
    lab.op.start({"dns": {"min_ttl": "1s", "max_ttl": "2s"}})
    relayed(lab, lab.op.send_new("ihg.com"))
    lab.world.change_mx(**{"ihg.com": (600, DOMAINS["ihg.com"][1]
                                       + [(100, GOOGLE[3])])})
    lab.op.wait_route("ihg.com", route="steer", reason="some-reachable",
                      mx="1/6")
    lab.op.daemon.wait_line("change", domain="ihg.com", old="relay",
                            reason="mx-changed")
    direct(lab, lab.op.send_new("ihg.com"), GOOGLE[3])


def test_verdicts_fixed_by_hand(lab):
    """`endpoints`: what the admin says of an address outranks probes."""
    lab.fw.block("drop", *addresses("mx.good.example"))
    lab.op.start({"endpoints": [
        {"prefix": HOSTS["mx.lonely.example"][0] + "/32",
         "state": "unreachable"},
        {"prefix": HOSTS["mx.good.example"][0] + "/32",
         "state": "reachable"},
        {"prefix": HOSTS[GOOGLE[0]][0] + "/32", "state": "ignore"}]})
    relayed(lab, lab.op.send_new("lonely.example"))
    lab.op.wait_route("lonely.example", route="relay",
                      reason="none-reachable", mx="0/1")
    lab.op.wait_route("good.example", route="direct", mx="1/1")
    # An ignored address leaves its host unusable, and the host the set.
    route = lab.op.wait_route("ihg.com", route="direct",
                              reason="all-reachable")
    check(route["mx"].startswith("4/"), repr(route))
    check(not [s for s in lab.world.events("session")
               if host_of(s) == GOOGLE[0]], "an ignored address was probed")


def test_senders_who_may_not_use_the_relay(lab):
    """`policy.senders`: others are refused where the relay would be used."""
    lab.fw.block("drop", *addresses("mx.lonely.example"))
    lab.op.start({"policy": {
        "senders": [{"match": "domain:isp.example", "note": "on file"}],
        "on_sender_refused": "reject"}})
    relayed(lab, lab.op.send_new("lonely.example"))
    with lab.op.smtp() as session:
        session.ehlo()
        session.mail("a@unlisted.example")
        code, text = session.rcpt("u@lonely.example")
        check(500 <= code < 600, "blocked: %d %s" % (code, text))
        code, text = session.rcpt("u@good.example")
        check(code == 250, "open: %d %s" % (code, text))


def test_observe_changes_nothing(lab):
    """observe: decides and logs, answers no change, makes nobody wait."""
    lab.fw.block("drop", *addresses(*GOOGLE_OLD))
    lab.op.start({"mode": "observe"}, wiring="dnsfilter",
                 settings={"smtp_connect_timeout": "1s"})
    to = lab.op.send_new("ihg.com")
    line = lab.op.postfix.wait_status(to, "deferred")
    check("timed out" in line["text"], line["text"])
    lab.op.daemon.wait_line("transition", new="relay",
                            reason="none-reachable")

    def said():
        lab.op.ask("transport", to)
        return lab.op.daemon.lines("lookup", domain="ihg.com", route="relay",
                                   mode="observe")

    wait("a lookup line in observe mode", said)
    check(lab.op.ask("transport", to) == "NOTFOUND ", "transport answered")
    key = "aspmx.l.google.com. 300 IN A " + HOSTS[GOOGLE[0]][0]
    check(lab.op.ask("dnsfilter", key) == "NOTFOUND ", "dnsfilter answered")
    check(not lab.world.mails(to), "was delivered")


def test_probes_have_manners(lab):
    """Probes say EHLO and QUIT; never MAIL, never to a null MX or to us."""
    lab.op.start(policy=True)
    to = lab.op.send_new("recommended.example")
    direct(lab, to, GOOGLE[0])
    for domain in ("good.example", "hosted.example", "nullmx.example"):
        lab.op.ask("transport", "any@" + domain)
    lab.op.wait_route("recommended.example", reason="all-reachable")

    def probes():
        return [s for s in lab.world.events("session")
                if origin(s) == "direct" and "MAIL" not in s["verbs"]]

    wait("five probes", lambda: len({s["local"] for s in probes()}
                                    & set(addresses(*GOOGLE))) == 5)
    for session in probes():
        verbs = [v for v in session["verbs"] if v != "(broken)"]
        check(verbs in (["EHLO", "QUIT"], ["EHLO", "QUIT", "(gone)"]),
              "%s: %r" % (host_of(session), session["verbs"]))
    text = lab.op.daemon.log()
    check(not re.search(r"endpoint address=%s\b" % re.escape(OP4), text),
          "probed ourselves")


def test_real_smtp_sink_is_probed_and_mailed(lab):
    """An MX played by smtp-sink: direct while open, relayed when blocked."""
    lab.op.start()
    to = lab.op.send_new("realsink.example")
    lab.op.postfix.wait_status(to, "sent")
    lab.op.wait_route("realsink.example", route="direct",
                      reason="all-reachable")
    lab.fw.block("drop", *addresses("mx.realsink.example"))
    lab.op.wait_route("realsink.example", route="relay")
    other = lab.op.send_new("realsink.example")
    mails = wait("the second message", lambda: [
        m for m in lab.world.real_mails() if other in m[1]])
    check(mails[0][0] == "198.51.100.21", "came from " + mails[0][0])
    check([m[0] for m in lab.world.real_mails() if to in m[1]] == [OP4],
          "the first message did not go direct")


def test_every_listed_domain_of_the_zone_settles(lab):
    """Each domain of the zone has a known route in the end."""
    lab.op.start()
    for domain in DOMAINS:
        lab.op.ask("transport", "any@" + domain)
    for domain in DOMAINS:
        route = lab.op.wait_route(domain, route="direct")
        check(route["via"] == "-", repr(route))
    wait("known reasons", lambda: all(
        lab.op.route(d)["reason"] not in ("unknown-yet", "dns-failure")
        for d in DOMAINS), pause=1.0)
