"""Recognises addresses in logs by the text before and after them in their line.

Knows the lines of web servers and proxies, of mail, login and firewall services, of routers and their tools.
Does not know which numbers are addresses. A version number in a log has no such text beside it: it follows
the name of a program, or is in a path.
"""

from __future__ import annotations

import re

#: Code points of the line that are examined, before an address and after it.
BEFORE, AFTER = 80, 100

_GAP = r"[ \t,;|]"
_CLOCK = r"\d\d:\d\d:\d\d"
_METHOD = r"(?:GET|POST|HEAD|PUT|DELETE|OPTIONS|PATCH|CONNECT|PROPFIND|TRACE)"
#: The date of the common log format: 12/May/2019:10:00:00
_COMMON = rf"\[?\d{{1,2}}/[^\W\d_]{{3,5}}\.?/\d{{4}}:{_CLOCK}"

_BEFORE = re.compile(
    # fields, by their names
    r"(?:\b(?:src|dst|rhost|rip|lip|relay|saddr|daddr|SRC|DST|Client)|[_-](?:ip|IP)|[a-z]I[Pp]"
    r"|[Ff]orwarded(?:-For|_for)?)[\"']?[ \t]?[:= ][ \t]?[\"'\[]?\Z"
    # an action from that address
    r"|(?i:\b(?:connect|disconnect|log(?:ged)? ?(?:in|on|out|off)\b|session|auth|password|publickey|user"
    r"|refuse|denie|reject|lease|query|ban\b|unban|block|attack|scan|attempt|relay|reset|closed|spam|timeout|anmeld"
    r"|connexion)[^\n]{0,60}(?:\b(?:from|by|to|on|of|at|von|de|depuis)|[:+])[ \t][\"'(\[]{0,2})\Z"
    r"|\b(?:[Bb]an|[Uu]nban|Found|[Bb]locked|[Bb]locking)[ \t]\Z"
    r"|\b(?:DROP|ALLOW|DENY|ACCEPT|REJECT|TCP|UDP|ICMP|tcp[46]?|udp[46]?|icmp)\b[^\n]{0,40}[ \t]\Z"
    r"|\bDHCP[A-Z]+ \w{2,4} \Z|\bbytes from \Z|\bpts/\d+[ \t]+\Z|\bIP \Z|\d > \Z"
    # in place of a host, or after its name
    r"|(?:~[\w.-]{1,32}|\b(?:root|admin|user|ubuntu|pi)|[\"'`])@[\"'`]?\Z|:ffff:\Z"
    r"|(?:\bunknown|\w\.[a-z]{2,12})[ \t]?[\[(]\Z"
    # after a time, or after the request
    rf"|{_CLOCK}(?:[.,]\d{{1,9}})?(?:Z|[ \t]?[+-]\d\d:?\d\d|[ \t](?:UTC|GMT))?[\])]?{_GAP}{{1,3}}"
    r"(?:-[ \t])?[\"'\[]?\Z"
    rf"|\b{_METHOD}[ \t]/[^\n]{{0,60}}[ \t]\Z"
)
_AFTER = re.compile(
    r"[\"'\])]{0,2}(?:"
    # a port
    r":\d{2,5}(?![\d:.])|#\d{4,5}\b|\(\d{4,5}\)|\.\d{1,5}(?: > \d|: )|[ \t]port[ \t]\d"
    # a date, or two fields and a date
    rf"|(?:{_GAP}{{1,3}}[^\s,;|]{{1,64}}){{0,2}}{_GAP}{{1,3}}{_COMMON}"
    rf"|(?:[ \t]?,[ \t]?[0-9A-Fa-f.:]{{3,39}}){{1,5}}[ \t]-[ \t]"  # more of a chain of proxies
    rf"|{_GAP}{{1,3}}[\"'\[(]?(?:\d{{4}}[-/.]\d\d[-/.]\d\d|\d\d?[-/.]\w{{2,4}}[-/.]\d{{4}})[T: ,|]{_CLOCK}"
    # the request, the program, the result
    rf"|[^\n]{{0,80}}\b{_METHOD}(?:[\"']?{_GAP}[\"']?)(?:/|\*|https?:|[\w.-]{{1,60}}:\d)"
    r"|[ \t]Mozilla/\d|[^\n]{0,20}[ \t](?:TCP|UDP|NONE|ERR)_[A-Z_]{3,20}/\d{3}"
    r"|[^\n]{0,12}[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b"  # a network card
    r"|:[ \t]icmp_|[ \t]{1,4}\d{1,4}\.\d{1,4}[ \t]ms\b|[ \t]{1,4}>[ \t]\d"
    r"|[ \t]\((?:talk|contribs|[Dd]iskussion|discuter|discusi)"
    r")"
)


def in_log(before: str, after: str) -> bool:
    """Whether an address between the two texts is at a place where logs have one."""
    line = before[-BEFORE:].rpartition("\n")[2]
    return bool(_BEFORE.search(line) or _AFTER.match(after[:AFTER].partition("\n")[0]))
