-- The complete list of changes that would make the calendar's events equal to what was staged, written before anything
-- is applied.
-- Reads: runs, staged_events, staged_notices, staged_uids, events, kept_rows, calendars, changes of the run whose deletions are held.
-- Writes: changes (rows of this run). Returns one row: how many of each action, and what the deletion guard found.
-- Deletes only rows of this calendar, inside the run's window, whose absence from the feed proves that they are gone.
with run as (
    select
        runs.id,
        runs.calendar_id,
        runs.window_start,
        runs.window_end,
        runs.published_from,
        runs.published_until,
        runs.force,
        runs.feed_id
    from calimport.runs as runs
    where runs.id = %(run_id)s
),

-- What a person said is to stay: of this very feed nothing is planned for it.
kept as (
    select
        kept_rows.uid,
        kept_rows.recurrence_id,
        coalesce(kept_rows.feed_id = run.feed_id, false)
        and kept_rows.configuration = calimport.row_configuration(calendars) as is_of_this_feed
    from calimport.kept_rows as kept_rows
    inner join run on kept_rows.calendar_id = run.calendar_id
    inner join calimport.calendars as calendars on run.calendar_id = calendars.id
    where not run.force
),

-- Of each row that which tells whether it is another: nearly all are not, and what else they say is read of those that are.
staged as (
    select
        staged_events.ctid as place,
        staged_events.uid,
        staged_events.recurrence_id,
        coalesce(staged_events.recurrence_id, '') as instance,
        staged_events.start_at,
        staged_events.end_at,
        staged_events.content_hash
    from calimport.staged_events as staged_events
    where staged_events.run_id = %(run_id)s
),

-- An occurrence belongs to the window when it overlaps it, or has no length and starts in it.
in_window as (
    select
        events.id,
        events.uid,
        events.recurrence_id,
        coalesce(events.recurrence_id, '') as instance,
        events.start_at,
        events.end_at,
        events.content_hash
    from calimport.events as events
    inner join run on events.calendar_id = run.calendar_id
    where
        events.start_at < run.window_end
        and (events.end_at > run.window_start or (events.end_at = events.start_at and events.start_at >= run.window_start))
),

-- Outside of the window only those that the feed has moved into it.
not_in_window as (
    select staged.*
    from staged
    where not exists (
        select 1 from in_window
        where in_window.uid = staged.uid and in_window.instance = staged.instance
    )
),

moved_in as (
    select
        events.id,
        events.uid,
        events.recurrence_id,
        coalesce(events.recurrence_id, '') as instance,
        events.start_at,
        events.end_at,
        events.content_hash
    from calimport.events as events
    inner join run on events.calendar_id = run.calendar_id
    inner join not_in_window
        on events.uid = not_in_window.uid and coalesce(events.recurrence_id, '') = not_in_window.instance
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
        staged.recurrence_id,
        staged.instance
    from staged
    inner join known on staged.uid = known.uid and staged.instance = known.instance
),

unmatched_staged as (
    select staged.*
    from staged
    where not exists (
        select 1
        from same_identity
        where
            same_identity.uid = staged.uid
            and same_identity.instance = staged.instance
    )
),

unmatched_known as (
    select in_window.*
    from in_window
    where in_window.id not in (select same_identity.event_id from same_identity)
),

-- An event that could not be understood is not absent. Where UIDs change at every fetch, nobody knows which one it is.
-- Absence is no proof for one that starts where a list that may go on was cut, nor for one that ended before what the
-- source still publishes, unless its series is still there.
gone as (
    select unmatched_known.*
    from unmatched_known
    cross join run
    where
        not exists (
            select 1
            from calimport.staged_notices as staged_notices
            where
                staged_notices.run_id = run.id
                and staged_notices.keeps_uid
                and (staged_notices.subject in ('', unmatched_known.uid) or %(uid_sample)s::text[] is not null)
        )
        and (run.published_until is null or unmatched_known.start_at < run.published_until)
        and (
            run.published_from is null
            or unmatched_known.end_at >= run.published_from
            or exists (
                select 1
                from calimport.staged_uids as staged_uids
                where staged_uids.run_id = run.id and staged_uids.uid = unmatched_known.uid
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

-- An event that comes with another UID, and says what one said that is not there any more, is that one: first those that
-- say quite the same, then those of the same time, title and place. One to one, also where several say the same.
renamed_known as (
    select
        unmatched_known.*,
        row_number() over (partition by unmatched_known.content_hash order by unmatched_known.id) as number
    from unmatched_known
    where
        not exists (
            select 1 from moved_series
            where moved_series.event_id = unmatched_known.id
        )
        and not exists (
            select 1
            from calimport.staged_notices as staged_notices
            where
                staged_notices.run_id = %(run_id)s
                and staged_notices.keeps_uid
                and staged_notices.subject = unmatched_known.uid
        )
),

renamed_staged as (
    select
        unmatched_staged.*,
        row_number() over (
            partition by unmatched_staged.content_hash order by unmatched_staged.uid, unmatched_staged.recurrence_id
        ) as number
    from unmatched_staged
    where not exists (
        select 1
        from moved_series
        where
            moved_series.uid = unmatched_staged.uid
            and moved_series.recurrence_id is not distinct from unmatched_staged.recurrence_id
    )
),

same_content as (
    select
        renamed_known.id as event_id,
        renamed_staged.uid,
        renamed_staged.recurrence_id
    from renamed_known
    inner join renamed_staged
        on renamed_known.content_hash = renamed_staged.content_hash and renamed_known.number = renamed_staged.number
),

alike_known as (
    select
        renamed_known.id,
        renamed_known.start_at,
        renamed_known.end_at,
        jsonb_build_array(events.recurrence_id, events.summary, events.location) as said,
        row_number() over (
            partition by
                renamed_known.start_at,
                renamed_known.end_at,
                jsonb_build_array(events.recurrence_id, events.summary, events.location)
            order by renamed_known.id
        ) as number
    from renamed_known
    inner join calimport.events as events on renamed_known.id = events.id
    where not exists (
        select 1 from same_content
        where same_content.event_id = renamed_known.id
    )
),

alike_staged as (
    select
        renamed_staged.uid,
        renamed_staged.recurrence_id,
        renamed_staged.start_at,
        renamed_staged.end_at,
        jsonb_build_array(staged_events.recurrence_id, staged_events.summary, staged_events.location) as said,
        row_number() over (
            partition by
                renamed_staged.start_at,
                renamed_staged.end_at,
                jsonb_build_array(staged_events.recurrence_id, staged_events.summary, staged_events.location)
            order by renamed_staged.uid, renamed_staged.recurrence_id
        ) as number
    from renamed_staged
    inner join calimport.staged_events as staged_events on renamed_staged.place = staged_events.ctid
    where not exists (
        select 1
        from same_content
        where
            same_content.uid = renamed_staged.uid
            and same_content.recurrence_id is not distinct from renamed_staged.recurrence_id
    )
),

renamed as (
    select * from same_content
    union all
    select
        alike_known.id,
        alike_staged.uid,
        alike_staged.recurrence_id
    from alike_known
    inner join alike_staged
        on
            alike_known.start_at = alike_staged.start_at
            and alike_known.end_at = alike_staged.end_at
            and alike_known.said = alike_staged.said
            and alike_known.number = alike_staged.number
),

-- Most of the calendar has other UIDs. The first time rows take them, as after a move to another provider. When the next
-- feed has none of these either, they change at every fetch: rows keep what they have, or all would change every time.
churn as (
    select
        counted.is_churn,
        counted.is_churn and coalesce(counted.still_there * 2 < cardinality(%(uid_sample)s::text[]), false) as goes_on
    from (
        select
            (select count(*) from renamed) > (select count(*) from same_identity) as is_churn,
            (
                select count(*)
                from unnest(%(uid_sample)s::text[]) as sampled (uid)
                where sampled.uid in (select staged.uid from staged)
            ) as still_there
    ) as counted
),

same as (
    select
        same_identity.event_id,
        same_identity.uid,
        same_identity.recurrence_id,
        false as takes_uid
    from same_identity
    union all
    select
        moved_series.event_id,
        moved_series.uid,
        moved_series.recurrence_id,
        false
    from moved_series
    union all
    select
        renamed.event_id,
        renamed.uid,
        renamed.recurrence_id,
        not churn.goes_on
    from renamed
    cross join churn
),

updates as (
    select
        known.id as event_id,
        'update' as action,
        staged.uid,
        staged.recurrence_id,
        to_jsonb(events) - '{id,calendar_id,first_run_id,last_run_id}'::text[] as before,
        to_jsonb(staged_events) - 'run_id' as after
    from same
    inner join known on same.event_id = known.id
    inner join staged on same.uid = staged.uid and coalesce(same.recurrence_id, '') = staged.instance
    inner join calimport.events as events on known.id = events.id
    inner join calimport.staged_events as staged_events on staged.place = staged_events.ctid
    where
        (known.content_hash <> staged.content_hash or same.takes_uid)
        and not exists (
            select 1
            from kept
            where
                kept.is_of_this_feed
                and kept.uid in (known.uid, staged.uid)
                and (
                    kept.recurrence_id is not distinct from known.recurrence_id
                    or kept.recurrence_id is not distinct from staged.recurrence_id
                )
        )
),

inserts as (
    select
        nextval(pg_get_serial_sequence('calimport.events', 'id')) as event_id,
        'insert' as action,
        unmatched_staged.uid,
        unmatched_staged.recurrence_id,
        null::jsonb as before,
        to_jsonb(staged_events) - 'run_id' as after
    from unmatched_staged
    inner join calimport.staged_events as staged_events on unmatched_staged.place = staged_events.ctid
    where
        not exists (
            select 1
            from same
            where
                same.uid = unmatched_staged.uid
                and same.recurrence_id is not distinct from unmatched_staged.recurrence_id
        )
        and not exists (
            select 1
            from kept
            where
                kept.is_of_this_feed
                and kept.uid = unmatched_staged.uid
                and kept.recurrence_id is not distinct from unmatched_staged.recurrence_id
        )
),

deletes as (
    select
        gone.id as event_id,
        'delete' as action,
        gone.uid,
        gone.recurrence_id,
        to_jsonb(events) - '{id,calendar_id,first_run_id,last_run_id}'::text[] as before,
        null::jsonb as after
    from gone
    inner join calimport.events as events on gone.id = events.id
    where
        not exists (
            select 1 from same
            where same.event_id = gone.id
        )
        and not exists (
            select 1
            from kept
            where
                kept.is_of_this_feed
                and kept.uid = gone.uid
                and kept.recurrence_id is not distinct from gone.recurrence_id
        )
),

-- Fetches agree when the same rows are gone, as far as the window has not moved past them.
held_before as (
    select changes.event_id
    from calimport.changes as changes
    where changes.run_id = %(held_run_id)s and changes.held
),

guard as (
    select
        counted.deletes,
        counted.of_rows,
        counted.deletes > %(hold_over)s and counted.deletes > %(hold_ratio)s * counted.of_rows as is_large_share,
        counted.deletes > %(hold_most)s as is_large_number,
        exists(
            select 1
            from deletes
            inner join kept on deletes.uid = kept.uid and deletes.recurrence_id is not distinct from kept.recurrence_id
        ) as is_kept,
        exists (select 1 from held_before)
        and not exists (
            select 1
            from deletes
            left join held_before on deletes.event_id = held_before.event_id
            where held_before.event_id is null
        )
        and not exists (
            select 1
            from held_before
            inner join in_window on held_before.event_id = in_window.id
            left join deletes on held_before.event_id = deletes.event_id
            where deletes.event_id is null
        ) as agrees
    from (
        select
            (select count(*) from deletes) as deletes,
            (select count(*) from in_window) as of_rows
    ) as counted
),

held as (
    select
        (
            guard.is_kept
            or (
                (guard.is_large_share or guard.is_large_number)
                and not ((guard.agrees or %(confirmations)s = 0) and %(confirmations)s + 1 >= %(confirmations_needed)s)
            )
        )
        and %(may_hold)s as yes
    from guard
),

planned as (
    select * from updates
    union all
    select * from inserts
    union all
    select * from deletes
),

written as (
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
)

select
    counted.*,
    guard.of_rows,
    guard.is_large_share,
    guard.is_large_number,
    guard.is_kept,
    guard.agrees,
    churn.goes_on as uids_change,
    case
        when churn.is_churn
            then array(
                select distinct staged.uid from staged
                order by staged.uid
                limit 20
            )
    end as uid_sample
from (
    select
        count(*) filter (where written.action = 'insert') as inserted,
        count(*) filter (where written.action = 'update') as updated,
        count(*) filter (where written.action = 'delete' and not written.held) as deleted,
        count(*) filter (where written.held) as held
    from written
) as counted
cross join guard
cross join churn
