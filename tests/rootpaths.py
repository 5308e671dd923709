#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""TAP: root creates, gives away, changes or removes nothing by a path in a
directory that our users own. Walks units, tmpfiles.d, sysusers.d, scripts, the
makefile, and the drop-ins and commands of the documents."""

import glob
import os
import re
import sys

TOP = os.path.abspath(os.environ.get("SRCDIR") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), ".."))

# What of a service systemd makes, as root, and gives to its User=: directories.
OWNED = {"RuntimeDirectory": "/run", "StateDirectory": "/var/lib",
         "LogsDirectory": "/var/log", "CacheDirectory": "/var/cache"}
# Settings whose paths systemd makes, writes, gives away or removes as root.
SOCKET_PATHS = ("ListenStream", "ListenDatagram", "ListenSequentialPacket",
                "ListenFIFO", "Symlinks")
SERVICE_PATHS = ("PIDFile", "RootDirectory", "BindPaths", "TemporaryFileSystem",
                 "MountAPIVFS", "ReadWritePaths", "WorkingDirectory")
OUTPUTS = ("StandardOutput", "StandardError")
# Commands that act on a path, in scripts and documents.
ACTS = re.compile(r"(?:^|[\s;&|(])(install|mkdir|chown|chgrp|chmod|rm|rmdir|mv|"
                  r"cp|ln|touch|tee|setfacl|mkfifo)\s|>{1,2}\s*(?=/)")
# Paths in such a directory that may be named where root reads: (how, why that
# is safe). Any other mention is a complaint.
LISTED = (
    (r"unix:/run/mxdetour/[a-z]+", "an address: the daemon's user binds it; "
     "Postfix connects, as postfix, and root with postmap -q, to whom an "
     "answer may be forged, and no more; base/rootpath.h keeps root from "
     "binding it"),
    (r"^    (listen|start) .*", "a line of the log"),
)

number = 0


def result(name, complaints):
    """One test: good without complaints."""
    global number
    number += 1
    for complaint in complaints:
        print("# " + complaint)
    print("%sok %d - %s" % ("not " if complaints else "", number, name))


def read(path):
    """(line number, line) of a file of the tree, continued lines joined."""
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        text = file.read()
    lines, held, at = [], "", 0
    for count, line in enumerate(text.split("\n"), 1):
        at = at or count
        if line.endswith("\\"):
            held += line[:-1] + " "
            continue
        lines.append((at, held + line))
        held, at = "", 0
    return lines


def tree(*patterns):
    """Files of the tree, by their names in it."""
    found = []
    for pattern in patterns:
        found += glob.glob(os.path.join(TOP, pattern), recursive=True)
    return sorted(os.path.relpath(p, TOP) for p in found if os.path.isfile(p))


def settings(lines):
    """(line, key, value) of a unit or of a drop-in."""
    for at, line in lines:
        match = re.match(r"\s*([A-Z][A-Za-z]+)=(.*)$", line)
        if match:
            yield at, match.group(1), match.group(2).strip()


def units():
    """Unit files: those of the tree, by name."""
    return tree("systemd/*.service.in", "systemd/*.socket", "systemd/*.timer")


def owned_directories():
    """Every directory that one of our users owns."""
    owned = {}
    for unit in units():
        found = list(settings(read(unit)))
        user = dict((k, v) for _, k, v in found).get("User", "root")
        for at, key, value in found:
            for name in value.split() if key in OWNED else ():
                if user != "root":
                    owned[os.path.join(OWNED[key], name)] = \
                        "%s:%d" % (unit, at)
    for path in tree("systemd/tmpfiles.d/*"):
        for at, line in read(path):
            part = line.split()
            if len(part) > 4 and part[0][0] in "dDvqQeC" and \
                    part[3] not in ("-", "root", "0"):
                owned[part[1].rstrip("/")] = "%s:%d" % (path, at)
    for path in tree("systemd/sysusers.d/*"):
        for at, line in read(path):
            match = re.match(r"u!?\s+\S+.*\s(/\S+)", line)
            if match:
                owned[match.group(1).rstrip("/")] = "%s:%d" % (path, at)
    return owned


OWNED_DIRECTORIES = owned_directories()


def inside(path):
    """The directory of our users that the path lies in, or None. The directory
    itself lies in its parent, which may be root's."""
    path = os.path.normpath(path)
    for directory in OWNED_DIRECTORIES:
        if path.startswith(directory + "/"):
            return directory
    return None


def complain(where, what, path):
    """Empty, or one complaint."""
    directory = inside(path)
    if directory is None:
        return []
    return ["%s: %s %s, in %s, which %s gives away"
            % (where, what, path, directory, OWNED_DIRECTORIES[directory])]


def in_settings(where, lines):
    """Complaints about a unit or a drop-in."""
    out = []
    for at, key, value in lines:
        place = "%s:%d" % (where, at)
        if key in OWNED:
            for name in value.split():
                out += complain(place, key, os.path.join(OWNED[key], name))
        elif key in SOCKET_PATHS + SERVICE_PATHS:
            for path in re.findall(r"/[^\s:]*", value):
                if not (key in SERVICE_PATHS[3:] and path in
                        OWNED_DIRECTORIES):
                    out += complain(place, key, path)
        elif key in OUTPUTS:
            for path in re.findall(r"(?:file|append|truncate):(/\S+)", value):
                out += complain(place, key, path)
        elif key.startswith("Exec") and re.match(r"[-@:]*[+!]", value):
            for path in re.findall(r"/\S+", value):
                out += complain(place, key + " as root:", path)
    return out


def in_commands(where, lines):
    """Complaints about commands that act on a path."""
    out = []
    for at, line in lines:
        for match in ACTS.finditer(line):
            for path in re.findall(r"(?<![\w$}])/[\w./*-]+",
                                   line[match.start():]):
                out += complain("%s:%d" % (where, at),
                                match.group(0).strip(), path)
    return out


def mentions(where, lines):
    """Complaints about paths that stand there for no listed reason."""
    out = []
    for at, line in lines:
        for how, _ in LISTED:
            line = re.sub(how, "", line)
        for path in re.findall(r"(?<![\w$}])/[\w./*-]+", line):
            out += complain("%s:%d" % (where, at), "no reason listed for",
                            path)
    return out


def code(path):
    """The lines of a document that are code: fenced, indented, or .Bd."""
    fenced = False
    for at, line in read(path):
        if line.startswith(("```", ".Bd")):
            fenced = not fenced
        elif line.startswith(".Ed"):
            fenced = False
        elif fenced or re.match(r" {4,}\S", line):
            yield at, line


def main():
    """All tests."""
    result("our users own directories, and this test knows them", [
        "%s is not among %s" % (d, sorted(OWNED_DIRECTORIES))
        for d in ("/run/mxdetour", "/var/lib/mxdetour", "/var/log/mxdetour")
        if d not in OWNED_DIRECTORIES])
    # What was, and would be found again.
    bad = [(1, "ListenStream=/run/mxdetour/socketmap"),
           (2, "PIDFile=/run/mxdetour/pid"),
           (3, "ExecStartPost=+/bin/chmod 666 /run/mxdetour/socketmap"),
           (4, "RuntimeDirectory=mxdetour/milter"),
           (5, "StandardError=append:/var/log/mxdetour/stderr")]
    good = [(1, "ListenStream=/run/mxdetour-held/socketmap"),
            (2, "ListenStream=127.0.0.1:2527"),
            (3, "RuntimeDirectory=mxdetour"),
            (4, "ExecStartPre=/bin/rm /run/mxdetour/x")]
    result("a walk finds what would be wrong in a unit", [
        "not found: " + line for at, line in bad
        if len(in_settings("x", settings([(at, line)]))) != 1] + in_settings(
            "x", settings(good)))
    result("a walk finds what would be wrong in a script", [
        "not found: " + line for line in (
            "install -d -o mxdetour /run/mxdetour/sockets",
            "chown mxdetour: /var/log/mxdetour/log",
            "true && rm -f /run/mxdetour/socketmap",
            "echo 1 >/run/mxdetour/pid")
        if len(in_commands("x", [(1, line)])) != 1] + in_commands("x", [
            (1, "install -d -m 0755 /run/mxdetour"),
            (2, "rm -f $HOME/run/mxdetour/x")]))
    result("a mention without a listed reason is found", [
        "not found" for _ in mentions("x", [
            (1, "unix:/run/mxdetour/socketmap")])] or (
        [] if len(mentions("x", [(1, "cat /run/mxdetour/pid")])) == 1
        else ["not found: cat"]))
    for unit in units():
        result(unit, in_settings(unit, settings(read(unit))) or mentions(
            unit, [line for line in read(unit) if line[1][:1] != "#"]))
    for path in tree("systemd/tmpfiles.d/*"):
        result(path, [c for at, line in read(path)
                      if re.match(r"[a-zA-Z]\S*\s+/", line)
                      for c in complain("%s:%d" % (path, at), "tmpfiles.d",
                                        line.split()[1])])
    for path in tree("scripts/*", "Makefile.am", "bench/*", ".ci/*"):
        if not path.endswith((".c", ".h")):
            result(path, in_commands(path, read(path)) or
                   mentions(path, read(path)))
    for path in tree("README.md", "docs/*.md", "man/*.[58]"):
        lines = list(code(path))
        result(path, in_settings(path, settings(lines)) +
               in_commands(path, lines) or mentions(path, lines))
    print("1..%d" % number)


if __name__ == "__main__":
    sys.exit(main())
