-- What a person said is to stay was said of one feed and one configuration: a run of others, or a forced one, has the
-- word now. Rows whose deletion it holds still wait for a person.
-- Reads: runs, calendars, changes. Writes: kept_rows.
delete from calimport.kept_rows as kept_rows
using calimport.runs as runs
inner join calimport.calendars as calendars on runs.calendar_id = calendars.id
where
    runs.id = any(%(run_ids)s::bigint[])
    and runs.requested_start is null
    and runs.requested_end is null
    and kept_rows.calendar_id = runs.calendar_id
    and (
        runs.force
        or kept_rows.feed_id is distinct from runs.feed_id
        or kept_rows.configuration <> calimport.row_configuration(calendars)
    )
    and not exists (
        select 1
        from calimport.changes as changes
        where
            changes.run_id = runs.id
            and changes.held
            and changes.uid = kept_rows.uid
            and changes.recurrence_id is not distinct from kept_rows.recurrence_id
    )
