"""The tables of the store in SQLite; docs/receiver.md shows them to people.

A row is kept whole, as the line of JSON that came (``body``), with what one searches by beside it.
"""

from typing import Final

VERSION: Final = 1

SCHEMA: Final = (
    """
    CREATE TABLE stream (
        id INTEGER PRIMARY KEY, gateway TEXT NOT NULL, epoch TEXT NOT NULL, lane TEXT NOT NULL,
        seq INTEGER NOT NULL DEFAULT 0, position TEXT NOT NULL DEFAULT '',
        rows INTEGER NOT NULL DEFAULT 0, refused INTEGER NOT NULL DEFAULT 0,
        bytes INTEGER NOT NULL DEFAULT 0, first_at_ms INTEGER NOT NULL,
        newest_at_ms INTEGER NOT NULL DEFAULT 0, taken_at_ms INTEGER NOT NULL DEFAULT 0,
        UNIQUE (gateway, epoch, lane))
    """,
    # The key is in the order of arrival, so a stream only ever appends; a row that came twice
    # would be an error here, if the cursor let it in.
    """
    CREATE TABLE row (
        stream INTEGER NOT NULL REFERENCES stream (id), seq INTEGER NOT NULL, kind TEXT NOT NULL,
        asset TEXT NOT NULL, metric TEXT NOT NULL, at_ms INTEGER NOT NULL, value REAL,
        body TEXT NOT NULL, PRIMARY KEY (stream, seq)) WITHOUT ROWID
    """,
    "CREATE INDEX row_metric ON row (asset, metric, at_ms) WHERE metric <> ''",
    "CREATE INDEX row_kind ON row (kind, at_ms) WHERE metric = ''",
    """
    CREATE TABLE refused (
        stream INTEGER NOT NULL REFERENCES stream (id), seq INTEGER NOT NULL,
        reason TEXT NOT NULL, at_ms INTEGER NOT NULL, line TEXT NOT NULL,
        PRIMARY KEY (stream, seq)) WITHOUT ROWID
    """,
    """
    CREATE TABLE pace (
        stream INTEGER NOT NULL, minute INTEGER NOT NULL, rows INTEGER NOT NULL,
        bytes INTEGER NOT NULL, PRIMARY KEY (stream, minute)) WITHOUT ROWID
    """,
    """
    CREATE TABLE head (
        id INTEGER PRIMARY KEY, gateway TEXT NOT NULL, chain TEXT NOT NULL, seq INTEGER NOT NULL,
        hash TEXT NOT NULL, public_key TEXT NOT NULL, at_ms INTEGER NOT NULL,
        document TEXT NOT NULL, alarm TEXT NOT NULL)
    """,
    "CREATE INDEX head_chain ON head (gateway, chain, seq)",
    """
    CREATE TRIGGER head_stays BEFORE UPDATE ON head
    BEGIN SELECT RAISE(ABORT, 'heads are never changed'); END
    """,
    """
    CREATE TRIGGER head_is_kept BEFORE DELETE ON head
    BEGIN SELECT RAISE(ABORT, 'heads are never deleted'); END
    """,
    "CREATE VIEW cursor AS SELECT gateway, epoch, lane, seq, position, taken_at_ms FROM stream",
    """
    CREATE VIEW reading AS
    SELECT s.gateway, r.asset, json_extract(r.body, '$.source') AS source,
           json_extract(r.body, '$.device') AS device, r.metric, r.at_ms,
           coalesce(r.value, json_extract(r.body, '$.value')) AS value,
           json_extract(r.body, '$.unit') AS unit, json_extract(r.body, '$.reason') AS reason,
           json_extract(r.body, '$.clock') AS clock, s.epoch, s.lane, r.seq
    FROM row r JOIN stream s ON s.id = r.stream WHERE r.kind = 'reading'
    """,
    # A reading that came late gives another row for its minute: put together by how many there are.
    """
    CREATE VIEW reading_minute AS
    SELECT s.gateway, r.asset, json_extract(r.body, '$.source') AS source,
           json_extract(r.body, '$.device') AS device, r.metric, r.at_ms,
           json_extract(r.body, '$.unit') AS unit, sum(json_extract(r.body, '$.n')) AS n,
           min(json_extract(r.body, '$.low')) AS low,
           sum(json_extract(r.body, '$.n') * r.value) / sum(json_extract(r.body, '$.n')) AS mean,
           max(json_extract(r.body, '$.high')) AS high
    FROM row r JOIN stream s ON s.id = r.stream WHERE r.kind = 'reading_1m'
    GROUP BY 1, 2, 3, 4, 5, 6, 7
    """,
    # An hour can come again with more readings in it: the row with the most (bare columns beside
    # max() are those of its row, sqlite.org/lang_select.html).
    """
    CREATE VIEW reading_hour AS
    SELECT s.gateway, r.asset, json_extract(r.body, '$.source') AS source,
           json_extract(r.body, '$.device') AS device, r.metric, r.at_ms,
           json_extract(r.body, '$.unit') AS unit, max(json_extract(r.body, '$.n')) AS n,
           json_extract(r.body, '$.low') AS low, r.value AS mean,
           json_extract(r.body, '$.high') AS high
    FROM row r JOIN stream s ON s.id = r.stream WHERE r.kind = 'reading_1h'
    GROUP BY 1, 2, 3, 4, 5, 6, 7
    """,
    """
    CREATE VIEW decision AS
    SELECT s.gateway, r.asset, r.at_ms, json_extract(r.body, '$.body.event') AS event,
           json_extract(r.body, '$.body.policy') AS policy,
           json_extract(r.body, '$.body.mode') AS mode,
           json_extract(r.body, '$.body.action') AS action,
           json_extract(r.body, '$.body.refused') AS refused,
           json_extract(r.body, '$.audit_seq') AS audit_seq, r.body, s.epoch, r.seq
    FROM row r JOIN stream s ON s.id = r.stream WHERE r.kind = 'decision'
    """,
    """
    CREATE VIEW event AS
    SELECT s.gateway, r.kind, r.asset, r.at_ms, json_extract(r.body, '$.body') AS body, s.epoch,
           s.lane, r.seq
    FROM row r JOIN stream s ON s.id = r.stream WHERE r.metric = ''
    """,
)
