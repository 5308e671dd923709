# SPDX-License-Identifier: MIT
"""Greetings and replies of every form: the probe predicts what smtp(8) does."""

from forms import FORMS, is_delivered_to
from util import check, wait
from world import HOSTS


def start(lab):
    """Daemon and Postfix side by side; neither knows of the other."""
    lab.world.set_modes(**{"mx_%s_forms_example" % name: "form " + name
                           for name in FORMS})
    lab.op.daemon.configure({"probe": {"greeting_timeout": "60s",
                                       "reply_timeout": "60s",
                                       "connect_timeout": "10s",
                                       "per_net": 100}})
    lab.op.daemon.start()
    lab.op.start_postfix()


def test_probe_and_smtp_agree_on_every_form(lab):
    """What Postfix delivers to is reachable, what it does not is not."""
    start(lab)
    sent = {name: lab.op.send_new(name + ".forms.example") for name in FORMS}
    for name in FORMS:
        lab.op.ask("transport", "any@%s.forms.example" % name)
    wrong = []
    for name, to in sent.items():
        status = wait("a delivery of " + to,
                      lambda: lab.op.postfix.statuses(to), limit=120)[0]
        if (status == "sent") != is_delivered_to(name):
            wrong.append("%s: Postfix says %s" % (name, status))
        route = wait("a verdict on " + name, lambda: {
            r["reason"]: r for r in [lab.op.route(name + ".forms.example")]
            if r["reason"] != "unknown-yet"}, limit=120)
        if ("all-reachable" in route) != is_delivered_to(name):
            wrong.append("%s: the probe says %r" % (name, route))
    check(not wrong, "\n".join(wrong))
    for name, form in FORMS.items():
        if not is_delivered_to(name):
            lab.op.daemon.wait_line(
                "endpoint", new="unreachable", outcome=form.outcome,
                address=HOSTS["mx.%s.forms.example" % name][0])
