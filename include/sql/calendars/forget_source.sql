-- What one calendar knew of the source it had before: its error, its feed, its notices. Events stay until the next
-- import has something to compare them with. A state that a live run set stays: the run still holds the calendar.
-- Row count: 1.
with no_notices as (
    delete from calimport.notices
    where calendar_id = %(id)s
),

no_kept_rows as (
    delete from calimport.kept_rows
    where calendar_id = %(id)s
)

update calimport.calendars
set
    state = case when state in ('in_queue', 'in_worker') then state else 'idle' end,
    error_class = null,
    error_message = null,
    consecutive_failures = 0,
    next_import_at = null,
    kind_used = null,
    feed_title = null,
    feed_timezone = null,
    feed_color = null,
    feed_id = null,
    imported_fingerprint = null,
    held_confirmations = 0,
    held_run_id = null,
    uid_sample = null
where id = %(id)s;
