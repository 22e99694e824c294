"""What is counted and timed, for Prometheus; children are kept by their users, because looking them up costs."""

from prometheus_client import Counter, Gauge, Histogram

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

RPC_SECONDS = Histogram("hatchery_rpc_seconds", "How long a call took.", ("method", "code"), buckets=_FAST)
COMMIT_SECONDS = Histogram("hatchery_commit_seconds", "How long one try to commit a batch took.", buckets=_FAST)
COMMIT_COMMANDS = Histogram(
    "hatchery_commit_commands", "Commands that were committed together.", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256)
)
READ_NAMES = Histogram(
    "hatchery_read_names", "Entities that were read together.", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256)
)
FACTS_TOLD = Counter("hatchery_facts_told", "Facts that the stream has acknowledged.")
FACTS_HEEDED = Counter("hatchery_facts_heeded", "Facts that took effect.", ("source",))
FACT_LAG = Histogram("hatchery_fact_lag_seconds", "From a fact's commit to its effect.", ("source",), buckets=_FAST)
FACTS_PARKED = Counter("hatchery_facts_parked", "Facts that could not be handled.", ("source",))
RELAYING = Gauge("hatchery_relaying", "1 while this process tells the service's facts.")
