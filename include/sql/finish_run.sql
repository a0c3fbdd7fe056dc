-- End a run that did not fail, and give its calendar free, in one statement.
-- Reads and writes: runs, calendars.
-- A dry run leaves no trace on what the calendar holds. Held deletions leave no fingerprint, so that the next complete
-- fetch is compared again and can confirm them.
with run as (
    update calimport.runs as runs
    set
        step = 'finished',
        outcome = %(outcome)s,
        finished_at = %(clock)s
    where runs.id = %(run_id)s
    returning
        runs.id, runs.calendar_id, runs.as_of, runs.feed_id, runs.fetched_at, runs.fingerprint, runs.dry_run,
        coalesce(runs.inserted, 0) + coalesce(runs.updated, 0) + coalesce(runs.deleted, 0) as changes,
        coalesce(runs.held, 0) as held
)

update calimport.calendars as calendars
set
    state = 'idle',
    error_class = null,
    error_message = null,
    consecutive_failures = 0,
    lease_owner = null,
    lease_until = null,
    next_import_at = case
        when run.dry_run then calendars.next_import_at
        else run.as_of + calendars.import_interval
    end,
    feed_id = case when run.dry_run then calendars.feed_id else run.feed_id end,
    fetched_at = case when run.dry_run then calendars.fetched_at else run.fetched_at end,
    imported_at = case when %(outcome)s = 'imported' then %(clock)s else calendars.imported_at end,
    changed_at = case
        when %(outcome)s = 'imported' and run.changes > 0 then %(clock)s
        else calendars.changed_at
    end,
    imported_fingerprint = case
        when %(outcome)s <> 'imported' then calendars.imported_fingerprint
        when run.held = 0 then run.fingerprint
    end,
    held_confirmations = case
        when %(outcome)s <> 'imported' then calendars.held_confirmations
        when run.held > 0 then calendars.held_confirmations + 1
        else 0
    end
from run
where calendars.id = run.calendar_id and calendars.lease_owner = %(owner)s
