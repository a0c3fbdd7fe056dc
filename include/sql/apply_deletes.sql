-- Delete exactly the rows that the plans of some runs name and do not hold, as they were when it was made.
-- Reads: changes. Writes: events. Its row count must be that of the plans.
delete from calimport.events as events
using calimport.changes as changes
where
    changes.run_id = any(%(run_ids)s::bigint[])
    and changes.action = 'delete'
    and not changes.held
    and events.id = changes.event_id
    and events.content_hash = (changes.before ->> 'content_hash')::bytea
