# ruff: noqa: E501 - a table has one row per line, and the page has long ones
"""Series: every metric that Prometheus is told, as one table; docs/metrics.md is made of it.

Names follow Prometheus' practice (base units, ``_total`` for what only grows). A label is a name of
the user's file or a word of this program, never something that a message brought; whatever it is,
of one series at most ``MOST`` combinations are told.
"""

from typing import Final, Literal, NamedTuple

PREFIX: Final = "edge_gateway_"
MOST: Final = 2_000

Kind = Literal["counter", "gauge", "histogram"]


class Series(NamedTuple):
    """One metric."""

    name: str
    """Without the prefix."""
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    """Upper bounds, without the last, infinite one."""

    @property
    def full(self) -> str:
        """As it is told."""
        return PREFIX + self.name


TABLE: Final = (
    # -- the gateway
    Series("info", "gauge", "Always 1; which gateway, which version.", ("gateway", "version")),
    Series("start_time_seconds", "gauge", "When the daemon started, Unix time."),
    Series("figures_age_seconds", "gauge", "Since the daemon told these figures; it does so every 5 s."),
    Series("degraded", "gauge", "1 while something works less than it should."),
    Series("problems", "gauge", "Lines of problems, as in health."),
    Series("clock_synchronised", "gauge", "1 while the wall clock can be believed."),
    Series("stopped", "gauge", "1 while a person stopped all commands."),
    Series("cpu_seconds_total", "counter", "CPU time of the daemon, without its children."),
    Series("resident_memory_bytes", "gauge", "Resident memory; 0 while there is no such process.", ("process",)),
    Series("open_files", "gauge", "Open file descriptors of the daemon."),
    Series("loop_late_seconds", "gauge", "How late the daemon's loop was, the worst since the figures before."),
    Series("log_events_total", "counter", "Events that were written to the log.", ("level",)),
    # -- brokers and sources
    Series("broker_connected", "gauge", "1 while the broker is connected.", ("broker",)),
    Series("broker_events_total", "counter", "What happened on the connection: connected, received, drops by reason.", ("broker", "event")),
    Series("source_messages_total", "counter", "Messages of the source.", ("source",)),
    Series("source_readings_total", "counter", "Readings that were made of them.", ("source",)),
    Series("source_rejects_total", "counter", "Messages that could not be read, or were refused.", ("source",)),
    Series("source_silent", "gauge", "1 while the source is quiet for longer than it ever is.", ("source",)),
    Series("source_age_seconds", "gauge", "Since its last message; not told before the first.", ("source",)),
    Series("bridge_online", "gauge", "1 while the bridge says that it is there; not told where it says nothing.", ("source",)),
    Series("devices_offline", "gauge", "Devices of the source that announced that they are gone.", ("source",)),
    Series("devices_quarantined", "gauge", "Devices whose word does not count now."),
    # -- the store
    Series("commits_total", "counter", "Transactions of the journal."),
    Series("store_bytes", "gauge", "Size of the database."),
    Series("store_max_bytes", "gauge", "What it may take (store.max_bytes)."),
    Series("disk_free_bytes", "gauge", "Free on its disk."),
    Series("store_full_seconds", "gauge", "Until store.max_bytes or the disk is reached at the pace of the last hour, from 10 minutes on; not told while it does not grow."),
    Series("store_refuses", "gauge", "1 while nothing can be stored."),
    Series("store_rows", "gauge", "Rows by kind.", ("kind",)),
    Series("queue_length", "gauge", "What waits: readings for the store, windows to be judged, messages to be published.", ("queue",)),
    Series("counted_total", "counter", "The durable counters of health, since the database was made: rejects by reason, what models answered, drops.", ("scope", "reason")),
    # -- judging and acting
    Series("rounds_total", "counter", "Rounds of judging."),
    Series("verdicts_total", "counter", "Verdicts by the rung that answered and its label.", ("rung", "label")),
    Series("decisions_total", "counter", "Decisions of policies in advise or act, fail-safes and forced actions.", ("event",)),
    Series("commands_total", "counter", "Steps of commands, by the state they reached.", ("state",)),
    Series("events_total", "counter", "Events of the gateway itself, as on its topic event.", ("event",)),
    Series("asset_score", "gauge", "Newest score; not told where there is none.", ("asset",)),
    Series("asset_alert", "gauge", "1 while something is raised.", ("asset",)),
    Series("asset_fresh", "gauge", "1 while anything fresh is known.", ("asset",)),
    # -- models
    Series("worker_running", "gauge", "1 while models can be asked; not told where there are none."),
    Series("worker_restarts_total", "counter", "Restarts of the process that runs the models."),
    Series("inference_seconds", "histogram", "How long the worker took for one call, the way there and back included.", (), (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)),
    Series("model_abstained_ratio", "gauge", "Share of its last turns in which a model did not answer.", ("model",)),
    Series("cloud_questions_total", "counter", "Questions to a model in a cloud, by what became of them.", ("model", "outcome")),
    # -- clouds, page, audit
    Series("sync_running", "gauge", "1 while the process that tells clouds runs; not told where there are none."),
    Series("sync_restarts_total", "counter", "Restarts of that process."),
    Series("sync_connected", "gauge", "1 while the lane has its cloud.", ("sink", "lane")),
    Series("sync_left_rows", "gauge", "Rows that the cloud does not have yet; not told while unknown.", ("sink", "lane")),
    Series("sync_rows_total", "counter", "Rows by what became of them: sent, refused, skipped, lost.", ("sink", "lane", "outcome")),
    Series("sync_sent_today_bytes", "gauge", "Sent in this day of UTC, packed.", ("sink",)),
    Series("page_clients", "gauge", "Pages that are open; not told without a page."),
    Series("page_restarts_total", "counter", "Restarts of the process of the page."),
    Series("audit_records", "gauge", "Length of the audit chain."),
    Series("audit_unsigned_records", "gauge", "Records that no checkpoint is over yet."),
)  # fmt: skip

BY_NAME: Final = {one.name: one for one in TABLE}

INTRODUCTION: Final = """\
# Metrics

With `metrics: {}` in the file the gateway answers Prometheus at `http://127.0.0.1:9464/metrics`, in its text format. A small process beside the daemon does it: the daemon
tells it the newest figures every 5 seconds and never waits for it. When the daemon tells nothing for a minute the answer is 503, so that `up` becomes 0.

Beyond this machine `listen` needs a token and TLS, or the word `unprotected: true` when something in front of it does that:

```yaml
metrics:
  listen: 0.0.0.0:9464
  token_file: metrics.token
  tls: {cert_file: gateway.pem, key_file: gateway.key}
```

Prometheus then asks with `authorization: {credentials_file: ...}` and `scheme: https`. `config/grafana-dashboard.json` is a dashboard and `config/prometheus-rules.yml` are alert rules, made of
nothing but what is listed here. Labels are names of the file or words of the program, never what a message brought; of one metric at most {MOST} combinations are told, and
`edge_gateway_series_dropped` says how many were not.

This page is made of the table in the code (`python -m gateway.web.series > docs/metrics.md`); a test fails when it is stale.

| metric | kind | labels | meaning |
|---|---|---|---|
"""


def page() -> str:
    """docs/metrics.md."""
    rows = "".join(
        f"| `{one.full}` | {one.kind} | {', '.join(f'`{label}`' for label in one.labels)} |"
        f" {one.help} |\n"
        for one in TABLE
    )
    return INTRODUCTION.replace("{MOST}", f"{MOST:,}") + rows


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - for whoever renews the page
