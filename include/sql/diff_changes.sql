-- The complete list of changes that would make the events of some runs' calendars equal to what was staged, written before
-- anything is applied.
-- Reads: runs, staged_events, staged_notices, staged_uids, events, kept_rows, calendars, changes of runs whose deletions are held.
-- Writes: changes (rows of these runs). Returns one row a run: how many of each action, and what the deletion guard found.
-- Deletes only rows of the run's calendar, inside its window, whose absence from the feed proves that they are gone.
with run as materialized (
    select
        runs.id,
        runs.calendar_id,
        runs.window_start,
        runs.window_end,
        runs.published_from,
        runs.published_until,
        runs.force,
        runs.feed_id,
        runs.rows_staged,
        calendars.held_run_id,
        calendars.uid_sample,
        given.hold_over,
        given.hold_ratio,
        given.hold_most,
        given.confirmations,
        given.confirmations_needed,
        calimport.row_configuration(calendars) as configuration
    from
        unnest(
            %(run_ids)s::bigint[],
            %(hold_over)s::bigint[],
            %(hold_ratio)s::double precision[],
            %(hold_most)s::bigint[],
            %(confirmations)s::integer[],
            %(confirmations_needed)s::integer[]
        ) as given (run_id, hold_over, hold_ratio, hold_most, confirmations, confirmations_needed)
    inner join calimport.runs as runs on given.run_id = runs.id
    inner join calimport.calendars as calendars on runs.calendar_id = calendars.id
),

-- What a person said is to stay: of this very feed nothing is planned for it.
kept as (
    select
        run.id as run_id,
        kept_rows.uid,
        kept_rows.recurrence_id,
        coalesce(kept_rows.feed_id = run.feed_id, false)
        and kept_rows.configuration = run.configuration as is_of_this_feed
    from calimport.kept_rows as kept_rows
    inner join run on kept_rows.calendar_id = run.calendar_id
    where not run.force
),

staged as not materialized (
    select
        staged_events.ctid as place,
        staged_events.run_id,
        staged_events.uid,
        staged_events.recurrence_id,
        coalesce(staged_events.recurrence_id, '') as instance,
        staged_events.start_at,
        staged_events.end_at,
        staged_events.content_hash
    from calimport.staged_events as staged_events
    where staged_events.run_id = any(%(run_ids)s::bigint[])
),

-- An occurrence belongs to the window when it overlaps it, or has no length and starts in it.
in_window as not materialized (
    select
        events.id,
        run.id as run_id,
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

-- The one pass over all rows, which reads of each what tells whether it is another. Nearly all are not: from here on there
-- are only those that differ, or that one side lacks, and what else they say is read of those that change, one by one
-- (`lateral … limit 1`): the planner does not know that they are few, and would rather hash all that is staged.
compared as materialized (
    select
        in_window.id as event_id,
        in_window.uid as known_uid,
        in_window.recurrence_id as known_recurrence_id,
        in_window.start_at as known_start_at,
        in_window.end_at as known_end_at,
        in_window.content_hash as known_hash,
        staged.place,
        staged.uid,
        staged.recurrence_id,
        staged.instance,
        staged.start_at,
        staged.end_at,
        staged.content_hash,
        coalesce(staged.run_id, in_window.run_id) as run_id,
        -- Told apart by these, of which the planner expects half: by nulls, of which it expects none, it would loop.
        in_window.run_id is not null as is_known,
        staged.run_id is not null as is_staged
    from staged
    full join in_window
        on staged.run_id = in_window.run_id and staged.uid = in_window.uid and staged.instance = in_window.instance
    where staged.content_hash is distinct from in_window.content_hash
),

-- Outside of the window only those that the feed has moved into it.
moved_in as materialized (
    select
        events.id as event_id,
        compared.run_id,
        compared.place
    from compared
    inner join run on compared.run_id = run.id
    inner join calimport.events as events
        on
            run.calendar_id = events.calendar_id
            and compared.uid = events.uid
            and compared.instance = coalesce(events.recurrence_id, '')
    where compared.event_id is null
),

unmatched_staged as materialized (
    select
        compared.place,
        compared.run_id,
        compared.uid,
        compared.recurrence_id,
        compared.start_at,
        compared.end_at,
        compared.content_hash
    from compared
    where
        not compared.is_known
        and not exists (
            select 1 from moved_in
            where moved_in.place = compared.place
        )
),

unmatched_known as materialized (
    select
        compared.event_id as id,
        compared.run_id,
        compared.known_uid as uid,
        compared.known_recurrence_id as recurrence_id,
        compared.known_start_at as start_at,
        compared.known_end_at as end_at,
        compared.known_hash as content_hash
    from compared
    where not compared.is_staged
),

-- An event that could not be understood is not absent. Where UIDs change at every fetch, nobody knows which one it is.
-- Absence is no proof for one that starts where a list that may go on was cut, nor for one that ended before what the
-- source still publishes, unless its series is still there.
gone as materialized (
    select unmatched_known.*
    from unmatched_known
    inner join run on unmatched_known.run_id = run.id
    where
        not exists (
            select 1
            from calimport.staged_notices as staged_notices
            where
                staged_notices.run_id = run.id
                and staged_notices.keeps_uid
                and (staged_notices.subject in ('', unmatched_known.uid) or run.uid_sample is not null)
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
        unmatched_staged.run_id,
        unmatched_staged.place,
        row_number() over (
            partition by gone.id
            order by abs(extract(epoch from unmatched_staged.start_at - gone.start_at)), unmatched_staged.start_at
        ) as rank_of_staged,
        row_number() over (
            partition by unmatched_staged.place
            order by abs(extract(epoch from unmatched_staged.start_at - gone.start_at)), gone.start_at
        ) as rank_of_gone
    from gone
    inner join unmatched_staged on gone.run_id = unmatched_staged.run_id and gone.uid = unmatched_staged.uid
    where abs(extract(epoch from unmatched_staged.start_at - gone.start_at)) < 12 * 3600
),

moved_series as materialized (
    select
        near.event_id,
        near.run_id,
        near.place
    from near
    where near.rank_of_staged = 1 and near.rank_of_gone = 1
),

-- An event that comes with another UID, and says what one said that is not there any more, is that one: first those that
-- say quite the same, then those of the same time, title and place. One to one, also where several say the same.
renamed_known as materialized (
    select
        unmatched_known.*,
        row_number() over (
            partition by unmatched_known.run_id, unmatched_known.content_hash order by unmatched_known.id
        ) as number
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
                staged_notices.run_id = unmatched_known.run_id
                and staged_notices.keeps_uid
                and staged_notices.subject = unmatched_known.uid
        )
),

renamed_staged as materialized (
    select
        unmatched_staged.*,
        row_number() over (
            partition by unmatched_staged.run_id, unmatched_staged.content_hash
            order by unmatched_staged.uid, unmatched_staged.recurrence_id
        ) as number
    from unmatched_staged
    where not exists (
        select 1 from moved_series
        where moved_series.place = unmatched_staged.place
    )
),

by_content as materialized (
    select
        renamed_known.id as event_id,
        renamed_known.start_at as known_start_at,
        renamed_known.end_at as known_end_at,
        renamed_staged.place,
        renamed_staged.uid,
        renamed_staged.recurrence_id,
        renamed_staged.start_at,
        renamed_staged.end_at,
        coalesce(renamed_known.run_id, renamed_staged.run_id) as run_id,
        renamed_known.run_id is not null as is_known,
        renamed_staged.run_id is not null as is_staged
    from renamed_known
    full join renamed_staged
        on
            renamed_known.run_id = renamed_staged.run_id
            and renamed_known.content_hash = renamed_staged.content_hash
            and renamed_known.number = renamed_staged.number
),

alike_known as (
    select
        by_content.event_id,
        by_content.run_id,
        by_content.known_start_at as start_at,
        by_content.known_end_at as end_at,
        jsonb_build_array(events.recurrence_id, events.summary, events.location) as said,
        row_number() over (
            partition by
                by_content.run_id,
                by_content.known_start_at,
                by_content.known_end_at,
                jsonb_build_array(events.recurrence_id, events.summary, events.location)
            order by by_content.event_id
        ) as number
    from by_content
    cross join
        lateral (
            select events.* from calimport.events as events
            where events.id = by_content.event_id
            limit 1 -- noqa: AM09
        ) as events
    where not by_content.is_staged
),

alike_staged as (
    select
        by_content.place,
        by_content.run_id,
        by_content.start_at,
        by_content.end_at,
        jsonb_build_array(staged_events.recurrence_id, staged_events.summary, staged_events.location) as said,
        row_number() over (
            partition by
                by_content.run_id,
                by_content.start_at,
                by_content.end_at,
                jsonb_build_array(staged_events.recurrence_id, staged_events.summary, staged_events.location)
            order by by_content.uid, by_content.recurrence_id
        ) as number
    from by_content
    cross join
        lateral (
            select staged_events.* from calimport.staged_events as staged_events
            where staged_events.ctid = by_content.place
            limit 1 -- noqa: AM09
        ) as staged_events
    where not by_content.is_known
),

-- A full join, here as above, compares each row with one other, however many say the same.
alike as materialized (
    select
        alike_known.event_id,
        alike_known.run_id,
        alike_staged.place,
        alike_known.run_id is not null as is_known,
        alike_staged.run_id is not null as is_staged
    from alike_known
    full join alike_staged
        on
            alike_known.run_id = alike_staged.run_id
            and alike_known.start_at = alike_staged.start_at
            and alike_known.end_at = alike_staged.end_at
            and alike_known.said = alike_staged.said
            and alike_known.number = alike_staged.number
),

renamed as materialized (
    select
        by_content.event_id,
        by_content.run_id,
        by_content.place
    from by_content
    where by_content.is_known and by_content.is_staged
    union all
    select
        alike.event_id,
        alike.run_id,
        alike.place
    from alike
    where alike.is_known and alike.is_staged
),

-- Most of the calendar has other UIDs. The first time rows take them, as after a move to another provider. When the next
-- feed has none of these either, they change at every fetch: rows keep what they have, or all would change every time.
churn as materialized (
    select
        counted.run_id,
        counted.is_churn,
        counted.is_churn and coalesce(counted.still_there * 2 < counted.sampled, false) as goes_on
    from (
        select
            run.id as run_id,
            -- What was staged and is not matched has another identity.
            coalesce(by_content.rows, 0) > run.rows_staged - coalesce(by_nothing.rows, 0) as is_churn,
            cardinality(run.uid_sample) as sampled,
            (
                select count(*)
                from unnest(run.uid_sample) as sampled (uid)
                where exists (
                    select 1
                    from calimport.staged_events as staged_events
                    where staged_events.run_id = run.id and staged_events.uid = sampled.uid
                )
            ) as still_there
        from run
        left join (
            select
                renamed.run_id,
                count(*) as rows
            from renamed
            group by renamed.run_id
        ) as by_content on run.id = by_content.run_id
        left join (
            select
                unmatched_staged.run_id,
                count(*) as rows
            from unmatched_staged
            group by unmatched_staged.run_id
        ) as by_nothing on run.id = by_nothing.run_id
    ) as counted
),

-- What was staged of rows that are there, but for those that it leaves as they are.
same as materialized (
    select
        compared.event_id,
        compared.run_id,
        compared.place,
        false as takes_uid
    from compared
    where compared.is_known and compared.is_staged
    union all
    select
        moved_in.event_id,
        moved_in.run_id,
        moved_in.place,
        false
    from moved_in
    union all
    select
        moved_series.event_id,
        moved_series.run_id,
        moved_series.place,
        false
    from moved_series
    union all
    select
        renamed.event_id,
        renamed.run_id,
        renamed.place,
        not churn.goes_on
    from renamed
    inner join churn on renamed.run_id = churn.run_id
),

updates as (
    select
        same.run_id,
        same.event_id,
        'update' as action,
        staged_events.uid,
        staged_events.recurrence_id,
        to_jsonb(events) - '{id,calendar_id,first_run_id,last_run_id}'::text[] as before,
        to_jsonb(staged_events) - 'run_id' as after
    from same
    cross join
        lateral (
            select events.* from calimport.events as events
            where events.id = same.event_id
            limit 1 -- noqa: AM09
        ) as events
    cross join
        lateral (
            select staged_events.* from calimport.staged_events as staged_events
            where staged_events.ctid = same.place
            limit 1 -- noqa: AM09
        ) as staged_events
    where
        (events.content_hash <> staged_events.content_hash or same.takes_uid)
        and not exists (
            select 1
            from kept
            where
                kept.run_id = same.run_id
                and kept.is_of_this_feed
                and kept.uid in (events.uid, staged_events.uid)
                and (
                    kept.recurrence_id is not distinct from events.recurrence_id
                    or kept.recurrence_id is not distinct from staged_events.recurrence_id
                )
        )
),

inserts as (
    select
        unmatched_staged.run_id,
        nextval(pg_get_serial_sequence('calimport.events', 'id')) as event_id,
        'insert' as action,
        unmatched_staged.uid,
        unmatched_staged.recurrence_id,
        null::jsonb as before,
        to_jsonb(staged_events) - 'run_id' as after
    from unmatched_staged
    cross join
        lateral (
            select staged_events.* from calimport.staged_events as staged_events
            where staged_events.ctid = unmatched_staged.place
            limit 1 -- noqa: AM09
        ) as staged_events
    where
        not exists (
            select 1 from same
            where same.place = unmatched_staged.place
        )
        and not exists (
            select 1
            from kept
            where
                kept.run_id = unmatched_staged.run_id
                and kept.is_of_this_feed
                and kept.uid = unmatched_staged.uid
                and kept.recurrence_id is not distinct from unmatched_staged.recurrence_id
        )
),

deletes as materialized (
    select
        gone.run_id,
        gone.id as event_id,
        'delete' as action,
        gone.uid,
        gone.recurrence_id,
        to_jsonb(events) - '{id,calendar_id,first_run_id,last_run_id}'::text[] as before,
        null::jsonb as after
    from gone
    cross join
        lateral (
            select events.* from calimport.events as events
            where events.id = gone.id
            limit 1 -- noqa: AM09
        ) as events
    where
        not exists (
            select 1 from same
            where same.event_id = gone.id
        )
        and not exists (
            select 1
            from kept
            where
                kept.run_id = gone.run_id
                and kept.is_of_this_feed
                and kept.uid = gone.uid
                and kept.recurrence_id is not distinct from gone.recurrence_id
        )
),

-- Fetches agree when the same rows are gone, as far as the window has not moved past them.
held_before as materialized (
    select
        run.id as run_id,
        changes.event_id
    from run
    inner join calimport.changes as changes on run.held_run_id = changes.run_id
    where changes.held
),

held_and_there as (
    select distinct held_before.run_id
    from held_before
    inner join in_window on held_before.run_id = in_window.run_id and held_before.event_id = in_window.id
    where not exists (
        select 1 from deletes
        where deletes.event_id = held_before.event_id
    )
),

guard as materialized (
    select
        counted.*,
        counted.deletes > counted.hold_over
        and counted.deletes > counted.hold_ratio * counted.of_rows as is_large_share,
        counted.deletes > counted.hold_most as is_large_number
    from (
        select
            run.id as run_id,
            run.hold_over,
            run.hold_ratio,
            run.hold_most,
            coalesce(going.rows, 0) as deletes,
            coalesce(present.rows, 0) as of_rows,
            coalesce(going.is_kept, false) as is_kept,
            run.id in (select held_before.run_id from held_before)
            and not coalesce(going.has_others, false)
            and run.id not in (select held_and_there.run_id from held_and_there) as agrees
        from run
        left join (
            select
                deletes.run_id,
                count(*) as rows,
                bool_or(kept.uid is not null) as is_kept,
                bool_or(held_before.event_id is null) as has_others
            from deletes
            left join kept
                on
                    deletes.run_id = kept.run_id
                    and deletes.uid = kept.uid
                    and deletes.recurrence_id is not distinct from kept.recurrence_id
            left join held_before on deletes.run_id = held_before.run_id and deletes.event_id = held_before.event_id
            group by deletes.run_id
        ) as going on run.id = going.run_id
        left join (
            select
                in_window.run_id,
                count(*) as rows
            from in_window
            group by in_window.run_id
        ) as present on run.id = present.run_id
    ) as counted
),

held as (
    select
        run.id as run_id,
        run.calendar_id,
        (
            guard.is_kept
            or (
                (guard.is_large_share or guard.is_large_number)
                and not ((guard.agrees or run.confirmations = 0) and run.confirmations + 1 >= run.confirmations_needed)
            )
        )
        and not run.force as yes
    from run
    inner join guard on run.id = guard.run_id
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
        held.run_id,
        held.calendar_id,
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
    inner join held on planned.run_id = held.run_id
    returning changes.run_id, changes.action, changes.held
),

in_plan as (
    select
        written.run_id,
        count(*) filter (where written.action = 'insert') as inserted,
        count(*) filter (where written.action = 'update') as updated,
        count(*) filter (where written.action = 'delete' and not written.held) as deleted,
        count(*) filter (where written.held) as held
    from written
    group by written.run_id
)

select
    run.id as run_id,
    coalesce(in_plan.inserted, 0) as inserted,
    coalesce(in_plan.updated, 0) as updated,
    coalesce(in_plan.deleted, 0) as deleted,
    coalesce(in_plan.held, 0) as held,
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
                where staged.run_id = run.id
                order by staged.uid
                limit 20
            )
    end as uid_sample
from run
inner join guard on run.id = guard.run_id
inner join churn on run.id = churn.run_id
left join in_plan on run.id = in_plan.run_id
