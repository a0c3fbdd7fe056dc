-- Record what was fetched on the run, and on the calendar which kind of source it was and what zone its feed gives.
-- Writes: runs, calendars.
with run as (
    update calimport.runs as runs
    set
        step = 'extracted',
        feed_id = %(feed_id)s,
        fetched_at = %(fetched_at)s,
        window_start = %(window_start)s,
        window_end = %(window_end)s,
        timezone = %(timezone)s,
        timezone_source = %(timezone_source)s,
        fingerprint = %(fingerprint)s,
        fresh_for = %(fresh_for)s,
        requests = %(requests)s,
        bytes_received = %(bytes_received)s,
        inserted = null,
        updated = null,
        deleted = null,
        held = null,
        rows_staged = null,
        quarantined = null
    where runs.id = %(run_id)s and runs.outcome is null
    returning runs.id
)

update calimport.calendars as calendars
set
    kind_used = %(kind)s,
    feed_timezone = %(feed_timezone)s
from run
where calendars.id = %(calendar_id)s
