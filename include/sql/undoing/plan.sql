-- The plan of an undo: from each row as it is to the row as it was before some runs of one calendar changed it. A row
-- that has since taken the identity of one that comes back goes.
-- Reads: changes, events, places. Writes: changes (of the undo's run).
with changed as (
    select
        changes.event_id,
        (array_agg(changes.before order by changes.id))[1] as before
    from calimport.changes as changes
    where changes.run_id = any(%(run_ids)s) and not changes.held
    group by changes.event_id
),

-- A place that was removed since is a place no longer.
wanted as (
    select
        changed.event_id,
        case
            when places.id is null and changed.before is not null then changed.before || '{"place_id": null}'::jsonb
            else changed.before
        end as record
    from changed
    left join calimport.places as places on places.id = (changed.before ->> 'place_id')::bigint
),

touched as (
    select wanted.event_id
    from wanted
    union
    select events.id
    from calimport.events as events
    inner join wanted
        on
            events.calendar_id = %(calendar_id)s
            and events.uid = wanted.record ->> 'uid'
            and events.recurrence_id is not distinct from wanted.record ->> 'recurrence_id'
),

present as (
    select
        events.id as event_id,
        to_jsonb(events) - '{id,calendar_id,first_run_id,last_run_id}'::text[] as record
    from calimport.events as events
    inner join touched on events.id = touched.event_id
    where events.calendar_id = %(calendar_id)s
),

planned as (
    select
        coalesce(wanted.event_id, present.event_id) as event_id,
        case
            when present.record is null then 'insert'
            when wanted.record is null then 'delete'
            else 'update'
        end as action,
        present.record as before,
        wanted.record as after
    from wanted
    full outer join present on wanted.event_id = present.event_id
    where present.record is distinct from wanted.record
)

insert into calimport.changes (
    run_id, calendar_id, event_id, action, uid, recurrence_id, changed_columns, before, after
)
select
    %(run_id)s,
    %(calendar_id)s,
    planned.event_id,
    planned.action,
    coalesce(planned.after, planned.before) ->> 'uid',
    coalesce(planned.after, planned.before) ->> 'recurrence_id',
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
