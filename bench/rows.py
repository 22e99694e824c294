"""The targets. They were set before anything was measured; none of them follows from a result."""

from bench.contenders import ECHO, HATCHERY, TEXTBOOK, THRIFTY
from bench.measured import Row

GET, REGISTER, HOT, CROWD = "get", "register", "hot", "crowd"
ALONE_READ, ALONE_WRITE = "alone-read", "alone-write"
FACT, INBOX, SCALE, MENTORS = "fact", "inbox", "scale", "mentors"
REST_FRESH, REST_AFTER = "rest-fresh", "rest-after"
YARDSTICK = "yardstick"

_GET, _REGISTER = "GetSpace, 64 in flight", "RegisterTenant, distinct spaces, 64 in flight"
_HOT, _CROWD = "RegisterTenant, one hot space, 16 in flight", "RegisterTenant, one hot space, 256 in flight"

ROWS = (
    Row("get", _GET, GET, (GET, TEXTBOOK), 1.8, 2.5),
    Row("get", _GET, GET, (GET, ECHO), 0.5, 0.65),
    Row("register", _REGISTER, REGISTER, (REGISTER, TEXTBOOK), 3.5, 6),
    Row("register", _REGISTER, REGISTER, (REGISTER, THRIFTY), 2, 3),
    Row("register", _REGISTER, REGISTER, (REGISTER, ECHO), 0.3, 0.5),
    Row("hot", _HOT, HOT, (HOT, TEXTBOOK), 15, 50),
    Row("hot", _HOT, HOT, (HOT, THRIFTY), 4, 10),
    Row("crowd", _CROWD, CROWD, (HOT, HATCHERY), 1, 2, spotless=True),
    Row("alone", "RegisterTenant alone, p50", ALONE_WRITE, (ALONE_WRITE, TEXTBOOK), 1.3, 1, less=True),
    Row("alone", "GetSpace alone, p50", ALONE_READ, (ALONE_READ, TEXTBOOK), 1.3, 1, less=True),
    Row("fact", "fact, commit to applied, 300/s, p50", FACT, (FACT, YARDSTICK), 10, 5, less=True),
    Row("inbox", "one inbox, facts/s", INBOX, (REGISTER, HATCHERY), 2, 4),
    Row("rest", "spaces at rest, just started", REST_FRESH, None, 110, 110, less=True, unit="MB"),
    Row("rest", "spaces at rest, after the load", REST_AFTER, None, 110, 110, less=True, unit="MB"),
    Row("rest", "startups at rest, just started", f"{REST_FRESH}-startups", None, 110, 110, less=True, unit="MB"),
    Row("rest", "startups at rest, after the load", f"{REST_AFTER}-startups", None, 110, 110, less=True, unit="MB"),
)
KEYS = tuple(dict.fromkeys([*(row.key for row in ROWS), SCALE, MENTORS]))
