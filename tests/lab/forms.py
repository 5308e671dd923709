# SPDX-License-Identifier: MIT
"""Greetings and EHLO replies as servers give them, and what Postfix makes of it.

One table for both sides: smtp(8) delivers to exactly those that the probe finds
reachable. What ends in `END` is followed by the end of the connection; where
only a filter, a web server or silence would follow, so that nobody has to wait
for a time to pass.
"""

import collections

END = None
GREETING = (b"220 mx.lab.test ESMTP\r\n",)
EHLO = (b"250-mx.lab.test\r\n", b"250 8BITMIME\r\n")

# greeting, ehlo: pieces, each sent by itself; a number is a pause in seconds.
# outcome: of the probe. It is delivered to when that is "ehlo" or, as by HELO,
# "ehlo-refused".
Form = collections.namedtuple("Form", "greeting ehlo outcome")


def greets(*pieces, outcome="ehlo"):
    """A form of the greeting."""
    return Form(pieces, EHLO, outcome)


def replies(*pieces, outcome="ehlo"):
    """A form of the reply to EHLO."""
    return Form(GREETING, pieces, outcome)


FORMS = {
    # Lines without a code, before it, between, and late.
    "empty-first": greets(b"\r\n220 mx\r\n"),
    "text-first": greets(b"Protected by a gateway\r\n", 0.2, b"220 mx\r\n"),
    "wrapped": greets(b"220-mx\r\nour banner\r\n\r\n220 mx\r\n"),
    "late-empty": greets(b"220 mx\r\n", 0.3, b"\r\n"),
    "late-text": greets(b"220 mx\r\n", 0.3, b"Welcome\r\n"),
    "empty-in-ehlo": replies(b"\r\n250-mx\r\n250 8BITMIME\r\n"),
    "text-in-ehlo": replies(b"hello\r\n250-mx\r\n\r\n250 8BITMIME\r\n"),
    "tab-first": greets(b"220\tmx\r\n220 mx\r\n"),
    "four-first": greets(b"2200 mx\r\n220 mx\r\n"),
    "bom-first": greets(b"\xef\xbb\xbf220 mx\r\n220 mx\r\n"),
    "iac-first": greets(b"\xff\xfb\x01220 mx\r\n220 mx\r\n"),
    "escape-first": greets(b"\x1b[2J\x1b[H\r\n220 mx\r\n"),
    "alert-first": greets(b"\x15\x03\x01\x00\x02\x02\x46\n220 mx\r\n"),
    "nul-first": greets(b"\0\r\n220 mx\r\n"),
    "half-first": greets(b"22", 0.2, b"0 mx\r", 0.2, b"\n"),
    # Lines with a code that are odd otherwise.
    "bare-code": greets(b"220\r\n"),
    "code-blank": greets(b"220 \r\n"),
    "newlines": Form((b"220 mx\n",), (b"250-mx\n", b"250 X\n"), "ehlo"),
    "cr-cr-lf": greets(b"220 mx\r\r\n"),
    "cr-inside": greets(b"220 a\r220 b\r\n"),
    "dash-dash": greets(b"220--\r\n220-\r\n220 mx\r\n"),
    "nul-in-text": greets(b"220 a\0b\r\n"),
    "nul-after-code": greets(b"220\0-mx\r\n"),
    "eight-bit": greets(b"220 \xff\xfe\xe4\x07\r\n"),
    "codes-differ": greets(b"554-a\r\n250-b\r\n220 mx\r\n"),
    "long-line": greets(b"220 " + b"x" * 20000 + b"\r\n"),
    "long-text": greets(b"x" * 2047 + b"220 a\r\n220 mx\r\n"),
    "many-cr": greets(b"220" + b"\r" * 2000 + b"\n"),
    "banner": greets(b"220-" + b"x" * 70 + b"\r\n", *(
        (b"220-" + b"x" * 70 + b"\r\n",) * 300), b"220 mx\r\n"),
    "lines": greets(b"220-x\r\n" * 20000, b"220 mx\r\n"),
    "empty-lines": greets(b"\r\n" * 20000, b"220 mx\r\n"),
    "text-900k": greets(*((b"x" * 998 + b"\r\n",) * 900), b"220 mx\r\n"),
    "ehlo-lines": replies(*((b"250-XX\r\n" * 100,) * 200), b"250 X\r\n"),
    "greeting-200": greets(b"200 mx\r\n"),
    "greeting-211": greets(b"211 mx\r\n"),
    "greeting-250": greets(b"250 mx\r\n"),
    "greeting-299": greets(b"299 mx\r\n"),
    "reply-before-ehlo": Form((b"220 mx\r\n250 mx\r\n",), (), "ehlo"),
    # EHLO is not understood, but HELO is.
    "ehlo-100": replies(b"100 x\r\n", outcome="ehlo-refused"),
    "ehlo-251": replies(b"251 x\r\n", outcome="ehlo-refused"),
    "ehlo-354": replies(b"354 x\r\n", outcome="ehlo-refused"),
    "ehlo-450": replies(b"450 x\r\n", outcome="ehlo-refused"),
    "ehlo-502": replies(b"502 x\r\n", outcome="ehlo-refused"),
    "ehlo-600": replies(b"600 x\r\n", outcome="ehlo-refused"),
    # No line has a code.
    "tab": greets(b"220\tmx\r\n", END, outcome="not-smtp"),
    "two-digits": greets(b"22 mx\r\n", END, outcome="not-smtp"),
    "four-digits": greets(b"2200 mx\r\n", END, outcome="not-smtp"),
    "letter": greets(b"220x\r\n", END, outcome="not-smtp"),
    "plus": greets(b"220+mx\r\n", END, outcome="not-smtp"),
    "blank-before": greets(b" 220 mx\r\n", END, outcome="not-smtp"),
    "cr-before": greets(b"\r220 mx\r\n", END, outcome="not-smtp"),
    "bom": greets(b"\xef\xbb\xbf220 mx\r\n", END, outcome="not-smtp"),
    "hard-blank": greets(b"220\xa0mx\r\n", END, outcome="not-smtp"),
    "nul-in-code": greets(b"22\x000 mx\r\n", END, outcome="not-smtp"),
    "too-many-cr": greets(b"220" + b"\r" * 3000 + b"\n", END,
                          outcome="not-smtp"),
    "code-behind": greets(b"x" * 2048 + b"220 mx\r\n", END,
                          outcome="not-smtp"),
    "http": greets(b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n", END,
                   outcome="not-smtp"),
    "ssh": greets(b"SSH-2.0-OpenSSH_9.2\r\n", END, outcome="not-smtp"),
    "text-in-ehlo-only": replies(b"what?\r\n", END, outcome="not-smtp"),
    # Cut short, or empty.
    "cr-only": greets(b"220 mx\r", END, outcome="closed-early"),
    "no-last": greets(b"220-mx\r\n", END, outcome="closed-early"),
    "half-code": greets(b"22", END, outcome="closed-early"),
    "empty-only": greets(b"\r\n\r\n", END, outcome="closed-early"),
    "ehlo-no-last": replies(b"250-mx\r\n", END, outcome="closed-early"),
    # A code after which nobody mails.
    "greeting-000": greets(b"000 x\r\n", outcome="not-smtp"),
    "greeting-100": greets(b"100 x\r\n", outcome="not-smtp"),
    "greeting-354": greets(b"354 x\r\n", outcome="not-smtp"),
    "greeting-600": greets(b"600 x\r\n", outcome="not-smtp"),
    "greeting-999": greets(b"999 x\r\n", outcome="not-smtp"),
}


def is_delivered_to(name):
    """Whether mail gets there."""
    return FORMS[name].outcome in ("ehlo", "ehlo-refused")
