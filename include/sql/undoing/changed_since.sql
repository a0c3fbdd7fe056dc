-- Rows that some runs of one calendar changed and that are not what those runs left, and by which run; also those whose
-- place another row has taken.
-- Reads: changes, events, history. Row count: those in the way of an undo.
with changed as (
    select
        changes.event_id,
        max(changes.id) as last_change_id,
        (array_agg(changes.before order by changes.id))[1] as before,
        (array_agg(changes.after order by changes.id desc))[1] as after
    from calimport.changes as changes
    where changes.run_id = any(%(run_ids)s) and not changes.held
    group by changes.event_id
)

select
    changed.event_id,
    coalesce(changed.after, changed.before) ->> 'uid' as uid,
    coalesce(changed.after, changed.before) ->> 'summary' as summary,
    later.dag_run_id
from changed
left join calimport.events as events on changed.event_id = events.id
left join calimport.events as usurpers
    on
        usurpers.calendar_id = %(calendar_id)s
        and usurpers.uid = changed.before ->> 'uid'
        and usurpers.recurrence_id is not distinct from changed.before ->> 'recurrence_id'
        and usurpers.id not in (select others.event_id from changed as others)
left join lateral (
    select history.dag_run_id
    from calimport.history as history
    where
        history.event_id = coalesce(usurpers.id, changed.event_id)
        and history.id > changed.last_change_id
    order by history.id
    limit 1
) as later on true
where
    (changed.before is not null or changed.after is not null)
    and (
        (changed.after ->> 'content_hash')::bytea is distinct from events.content_hash
        or changed.after ->> 'uid' is distinct from events.uid
        or usurpers.id is not null
    )
order by changed.last_change_id
