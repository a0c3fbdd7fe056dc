-- Record what was fetched on the runs, and on their calendars which kind of source it was and what zone the feed gives.
-- Writes: runs, calendars. One element of each array is one run.
with extracts as (
    select *
    from unnest(
        %(run_id)s::bigint[],
        %(kind)s::text[],
        %(feed_timezone)s::text[],
        %(feed_id)s::bigint[],
        %(window_start)s::timestamptz[],
        %(window_end)s::timestamptz[],
        %(timezone)s::text[],
        %(timezone_source)s::text[],
        %(fingerprint)s::bytea[],
        %(fresh_for)s::interval[],
        %(requests)s::integer[],
        %(bytes_received)s::bigint[],
        %(seconds)s::double precision[]
    ) as extracts (
        run_id, kind, feed_timezone, feed_id, window_start, window_end, timezone, timezone_source, fingerprint, fresh_for,
        requests, bytes_received, seconds
    )
),

recorded as (
    update calimport.runs as runs
    set
        step = 'extracted',
        feed_id = extracts.feed_id,
        fetched_at = %(fetched_at)s,
        window_start = extracts.window_start,
        window_end = extracts.window_end,
        timezone = extracts.timezone,
        timezone_source = extracts.timezone_source,
        fingerprint = extracts.fingerprint,
        fresh_for = extracts.fresh_for,
        requests = extracts.requests,
        bytes_received = extracts.bytes_received,
        seconds = runs.seconds || jsonb_build_object('extract', extracts.seconds),
        inserted = null,
        updated = null,
        deleted = null,
        held = null,
        rows_staged = null,
        quarantined = null
    from extracts
    where runs.id = extracts.run_id and runs.outcome is null
    returning runs.id, runs.calendar_id
)

update calimport.calendars as calendars
set
    kind_used = extracts.kind,
    feed_timezone = extracts.feed_timezone
from recorded
inner join extracts on recorded.id = extracts.run_id
where calendars.id = recorded.calendar_id
