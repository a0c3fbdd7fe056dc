-- The complete list of changes that would make the calendar's events equal to what was staged, written before anything
-- is applied.
-- Reads: runs, staged_events, staged_notices, staged_uids, events. Writes: changes (rows of this run). Returns them.
-- Deletes only rows of this calendar, inside the run's window, whose absence from the feed proves that they are gone.
with run as (
    select
        runs.id,
        runs.calendar_id,
        runs.window_start,
        runs.window_end,
        runs.as_of,
        runs.published_from,
        runs.published_until
    from calimport.runs as runs
    where runs.id = %(run_id)s
),

staged as (
    select staged_events.*
    from calimport.staged_events as staged_events
    where staged_events.run_id = %(run_id)s
),

-- An occurrence belongs to the window when it overlaps it, or has no length and starts in it.
in_window as (
    select events.*
    from calimport.events as events
    inner join run on events.calendar_id = run.calendar_id
    where
        events.start_at < run.window_end
        and (events.end_at > run.window_start or (events.end_at = events.start_at and events.start_at >= run.window_start))
),

-- Outside of the window only those that the feed has moved into it.
moved_in as (
    select events.*
    from calimport.events as events
    inner join run on events.calendar_id = run.calendar_id
    inner join staged on events.uid = staged.uid and events.recurrence_id is not distinct from staged.recurrence_id
    where events.id not in (select in_window.id from in_window)
),

known as (
    select * from in_window
    union all
    select * from moved_in
),

same_identity as (
    select
        known.id as event_id,
        staged.uid,
        staged.recurrence_id
    from staged
    inner join known on staged.uid = known.uid and staged.recurrence_id is not distinct from known.recurrence_id
),

unmatched_staged as (
    select staged.*
    from staged
    where not exists (
        select 1
        from same_identity
        where
            same_identity.uid = staged.uid
            and same_identity.recurrence_id is not distinct from staged.recurrence_id
    )
),

-- Absence is no proof for an event that could not be understood, nor for one that starts where a list that may go on was
-- cut, nor for one that ended before what the source still publishes, unless its series is still there.
gone as (
    select in_window.*
    from in_window
    cross join run
    where
        in_window.id not in (select same_identity.event_id from same_identity)
        and not exists (
            select 1
            from calimport.staged_notices as staged_notices
            where
                staged_notices.run_id = run.id
                and staged_notices.keeps_uid
                and staged_notices.subject in ('', in_window.uid)
        )
        and (run.published_until is null or in_window.start_at < run.published_until)
        and (
            run.published_from is null
            or in_window.end_at >= run.published_from
            or exists (
                select 1
                from calimport.staged_uids as staged_uids
                where staged_uids.run_id = run.id and staged_uids.uid = in_window.uid
            )
        )
),

-- A whole series that was moved by some hours has other original starts: its nearest instances are the same rows.
near as (
    select
        gone.id as event_id,
        unmatched_staged.uid,
        unmatched_staged.recurrence_id,
        row_number() over (
            partition by gone.id
            order by abs(extract(epoch from unmatched_staged.start_at - gone.start_at)), unmatched_staged.start_at
        ) as rank_of_staged,
        row_number() over (
            partition by unmatched_staged.uid, unmatched_staged.recurrence_id
            order by abs(extract(epoch from unmatched_staged.start_at - gone.start_at)), gone.start_at
        ) as rank_of_gone
    from gone
    inner join unmatched_staged on gone.uid = unmatched_staged.uid
    where abs(extract(epoch from unmatched_staged.start_at - gone.start_at)) < 12 * 3600
),

moved_series as (
    select
        near.event_id,
        near.uid,
        near.recurrence_id
    from near
    where near.rank_of_staged = 1 and near.rank_of_gone = 1
),

same as (
    select * from same_identity
    union all
    select * from moved_series
),

updates as (
    select
        known.id as event_id,
        'update' as action,
        staged.uid,
        staged.recurrence_id,
        to_jsonb(known) - '{id,calendar_id,first_run_id,last_run_id}'::text[] as before,
        to_jsonb(staged) - 'run_id' as after
    from same
    inner join known on same.event_id = known.id
    inner join staged on same.uid = staged.uid and same.recurrence_id is not distinct from staged.recurrence_id
    where known.content_hash <> staged.content_hash
),

inserts as (
    select
        nextval(pg_get_serial_sequence('calimport.events', 'id')) as event_id,
        'insert' as action,
        unmatched_staged.uid,
        unmatched_staged.recurrence_id,
        null::jsonb as before,
        to_jsonb(unmatched_staged) - 'run_id' as after
    from unmatched_staged
    where not exists (
        select 1
        from moved_series
        where
            moved_series.uid = unmatched_staged.uid
            and moved_series.recurrence_id is not distinct from unmatched_staged.recurrence_id
    )
),

deletes as (
    select
        gone.id as event_id,
        'delete' as action,
        gone.uid,
        gone.recurrence_id,
        to_jsonb(gone) - '{id,calendar_id,first_run_id,last_run_id}'::text[] as before,
        null::jsonb as after
    from gone
    where gone.id not in (select moved_series.event_id from moved_series)
),

-- Implausible: many, and a large share of what the window holds.
held as (
    select
        %(may_hold)s
        and (select count(*) from deletes) > %(hold_over)s
        and (select count(*) from deletes) > %(hold_ratio)s * (select count(*) from in_window) as yes
),

planned as (
    select * from updates
    union all
    select * from inserts
    union all
    select * from deletes
)

insert into calimport.changes (
    run_id, calendar_id, event_id, action, held, uid, recurrence_id, changed_columns, before, after
)
select
    run.id,
    run.calendar_id,
    planned.event_id,
    planned.action,
    planned.action = 'delete' and held.yes,
    planned.uid,
    planned.recurrence_id,
    case
        when planned.action = 'update'
            then array(
                select after_column.key
                from jsonb_each(planned.after) as after_column
                where
                    after_column.key <> 'content_hash'
                    and after_column.value is distinct from planned.before -> after_column.key
                order by after_column.key
            )
    end,
    planned.before,
    planned.after
from planned
cross join run
cross join held
returning changes.action, changes.held
