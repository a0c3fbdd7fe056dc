-- End runs that did not fail, and give their calendars free, in one statement.
-- Reads and writes: runs, calendars.
-- What the calendar is taken to hold is recorded only by an import; a dry run leaves no trace. Held deletions leave no
-- fingerprint, so that the next complete fetch is compared again and can confirm them, unless they wait for a person. What
-- is held, and whether UIDs change, a run over a window of its own cannot take back. A calendar that was configured
-- anew meanwhile keeps what its configuration set: due at once, and nothing known of its feed.
-- A run over a window of its own says nothing of the calendar's: it leaves alone when the next import is due (at once, where
-- the imports before it failed), whether deletions are confirmed, and what a fetch of the calendar's window brought. Where
-- it changed a row, the next import compares all of them.
-- A feed that stays as it is for longer than the calendar's interval, by its own word, is not asked for earlier; within a
-- bound, since it may be wrong.
with run as (
    update calimport.runs as runs
    set
        step = 'finished',
        outcome = %(outcome)s,
        finished_at = %(clock)s
    where runs.id = any(%(run_ids)s) and runs.outcome is null
    returning runs.*
),

finished as (
    select
        run.*,
        run.outcome = 'imported' as is_import,
        run.outcome = 'imported'
        and coalesce(run.inserted, 0) + coalesce(run.updated, 0) + coalesce(run.deleted, 0) > 0 as has_changes,
        coalesce(run.held, 0) > 0 as has_held,
        run.requested_start is null and run.requested_end is null as is_whole,
        coalesce(feeds.window_start is not null, false) as has_feed_of_window
    from run
    left join calimport.feeds as feeds on run.feed_id = feeds.id
)

update calimport.calendars as calendars
set
    state = 'idle',
    error_class = null,
    error_message = null,
    consecutive_failures = 0,
    lease_owner = null,
    lease_until = null,
    imported_at = case when finished.is_import then %(clock)s else calendars.imported_at end,
    changed_at = case when finished.has_changes then %(clock)s else calendars.changed_at end,
    fetched_at = case when finished.dry_run then calendars.fetched_at else finished.fetched_at end,
    fresh_at = case
        when finished.dry_run or not finished.is_whole then calendars.fresh_at else finished.fetched_at
    end,
    next_import_at = case
        when finished.dry_run or calendars.configured_at <> finished.configured_at then calendars.next_import_at
        when not finished.is_whole
            then case when calendars.consecutive_failures = 0 then calendars.next_import_at end
        else finished.as_of + greatest(
            calendars.import_interval,
            least(coalesce(finished.fresh_for, interval '0'), %(longest_fresh)s)
        )
    end,
    feed_id = case
        when finished.dry_run or calendars.configured_at <> finished.configured_at then calendars.feed_id
        when not finished.is_whole and finished.has_feed_of_window then calendars.feed_id
        else finished.feed_id
    end,
    imported_fingerprint = case
        when not finished.is_import or calendars.configured_at <> finished.configured_at
            then calendars.imported_fingerprint
        when not finished.is_whole
            then case when not finished.has_changes then calendars.imported_fingerprint end
        when not finished.has_held or finished.held_until_told then finished.fingerprint
    end,
    feed_retention = case when finished.is_import then finished.feed_retention else calendars.feed_retention end,
    held_run_id = case
        when finished.is_import and finished.has_held then finished.id
        when not finished.is_import or not finished.is_whole then calendars.held_run_id
    end,
    held_confirmations = case
        when finished.is_import and (finished.is_whole or finished.has_held) then finished.held_confirmations
        else calendars.held_confirmations
    end,
    uid_sample = case
        when finished.is_import and finished.is_whole then finished.uid_sample
        else calendars.uid_sample
    end
from finished
where calendars.id = finished.calendar_id and calendars.lease_owner = %(owner)s
