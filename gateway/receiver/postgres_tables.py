"""What a receiver keeps in PostgreSQL beside the tables of the gateway's sink, and its queries."""

from typing import Final

from gateway.sinks import postgres_tables as tables

DAY_MINUTES: Final = 1_440
LOCK: Final = 0x65646765
"""As the sink has it: who makes the tables."""
TABLES: Final = (
    *tables.STATEMENTS,
    "ALTER TABLE refused ADD COLUMN IF NOT EXISTS line text",
    """CREATE TABLE IF NOT EXISTS pace (
    stream integer NOT NULL, minute integer NOT NULL, rows bigint NOT NULL, refused bigint NOT NULL,
    bytes bigint NOT NULL, newest_at_ms bigint NOT NULL, PRIMARY KEY (stream, minute))""",
    """CREATE TABLE IF NOT EXISTS head (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, gateway text NOT NULL, chain text NOT NULL,
    seq bigint NOT NULL, hash text NOT NULL, public_key text NOT NULL, at_ms bigint NOT NULL,
    document text NOT NULL, alarm text NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS head_chain ON head (gateway, chain, seq)",
    """CREATE OR REPLACE VIEW decision AS SELECT gateway, asset, at, body ->> 'event' AS event,
    body ->> 'policy' AS policy, body ->> 'mode' AS mode, body ->> 'action' AS action,
    body ->> 'refused' AS refused, stream, seq, body FROM (SELECT gateway, asset, at, stream, seq,
    coalesce(body -> 'body', body) AS body FROM event WHERE kind = 'decision') AS told""",
)
FIND: Final = "SELECT id, seq, position FROM stream WHERE (gateway, epoch, lane) = (%s, %s, %s)"
BEGIN: Final = (
    "INSERT INTO stream (gateway, epoch, lane) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
)
MOVE: Final = "UPDATE stream SET seq = %s, position = %s, moved_at = now() WHERE id = %s"
REFUSED: Final = (
    "SELECT seq, reason FROM refused WHERE stream = %s AND seq BETWEEN %s AND %s ORDER BY seq"
)
ASIDE: Final = (
    "INSERT INTO refused (stream, seq, reason, line)"
    " SELECT %s, * FROM unnest(%s::bigint[], %s::text[], %s::text[])"
)
PACE: Final = (
    "INSERT INTO pace VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (stream, minute) DO UPDATE SET"
    " rows = pace.rows + excluded.rows, refused = pace.refused + excluded.refused,"
    " bytes = pace.bytes + excluded.bytes,"
    " newest_at_ms = greatest(pace.newest_at_ms, excluded.newest_at_ms)"
)
STANDINGS: Final = (
    "SELECT s.gateway, s.epoch, s.lane, s.seq, s.position,"
    " s.seq - (SELECT count(*) FROM refused r WHERE r.stream = s.id),"
    " (SELECT count(*) FROM refused r WHERE r.stream = s.id),"
    " coalesce((SELECT rows FROM pace p WHERE (p.stream, p.minute) = (s.id, %s)), 0) / 60.0::float,"
    " coalesce((SELECT max(newest_at_ms) FROM pace p WHERE p.stream = s.id), 0),"
    " (extract(epoch FROM s.moved_at) * 1000)::bigint"
    " FROM stream s ORDER BY s.gateway, s.moved_at, s.lane"
)
ALARMS: Final = "SELECT gateway, chain, seq, at_ms, alarm FROM head WHERE alarm <> '' ORDER BY id"
ANCHORED: Final = "SELECT seq, hash, public_key FROM head WHERE (gateway, chain) = (%s, %s)"
