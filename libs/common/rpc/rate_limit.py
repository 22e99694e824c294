"""A token bucket per address, for methods that need no bearer token."""

import time
from collections import OrderedDict

from libs.common.domain.errors import Exhausted

#: Addresses that are remembered; the one idle longest is forgotten first.
MAX_ADDRESSES = 10_000


class RateLimiter:
    """Allows `per_second` calls a second from one address, and a burst of as many."""

    def __init__(self, per_second: float) -> None:
        self._rate = per_second
        self._burst = max(1.0, per_second)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, peer: str) -> None:
        """Count a call of a gRPC peer (`ipv4:host:port`). Exhausted (RATE_LIMITED) when its bucket is empty."""
        address = peer.rpartition(":")[0]
        now = time.monotonic()
        level, since = self._buckets.pop(address, (self._burst, now))
        level = min(self._burst, level + (now - since) * self._rate)
        allowed = level >= 1
        self._buckets[address] = (level - 1 if allowed else level, now)
        if len(self._buckets) > MAX_ADDRESSES:
            self._buckets.popitem(last=False)
        if not allowed:
            wait = (1 - level) / self._rate
            raise Exhausted("RATE_LIMITED", "too many calls without a token from this address", retry_after=wait)
