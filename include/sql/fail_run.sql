-- Record why a run failed, on the run and on its calendar, and give the calendar free.
-- Reads and writes: runs, calendars. Touches no event.
-- What is stored of a calendar and cannot be read is forgotten, so that the next run fetches all of it.
-- The calendar waits longer after each failed run, up to a day; further attempts of one run do not count, nor do runs over
-- windows of their own, of which many may fail at once.
with run as (
    update calimport.runs as runs
    set
        step = 'finished',
        outcome = 'failed',
        error_class = %(error_class)s,
        error_message = %(error_message)s,
        finished_at = %(clock)s
    where runs.id = %(run_id)s and runs.outcome is null
    returning
        runs.calendar_id,
        runs.attempt,
        runs.as_of,
        runs.configured_at,
        runs.requested_start is null and runs.requested_end is null as is_whole
)

update calimport.calendars as calendars
set
    state = %(state)s,
    error_class = %(error_class)s,
    error_message = %(error_message)s,
    consecutive_failures = calendars.consecutive_failures + (run.attempt = 1 and run.is_whole)::integer,
    next_import_at = case
        when calendars.configured_at <> run.configured_at or not run.is_whole then calendars.next_import_at
        else run.as_of + greatest(
            least(
                calendars.import_interval
                * power(2, least(calendars.consecutive_failures - (run.attempt > 1)::integer, 20)),
                greatest(calendars.import_interval, interval '1 day')
            ),
            make_interval(secs => %(retry_after)s)
        )
    end,
    feed_id = case when not %(forget_feed)s then calendars.feed_id end,
    lease_owner = null,
    lease_until = null
from run
where calendars.id = run.calendar_id and calendars.lease_owner = %(owner)s
