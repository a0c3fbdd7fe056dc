-- Delete exactly the rows that the run's plan names and does not hold, as they were when it was made.
-- Reads: changes. Writes: events. Its row count must be that of the plan.
delete from calimport.events as events
using calimport.changes as changes
where
    changes.run_id = %(run_id)s
    and changes.action = 'delete'
    and not changes.held
    and events.id = changes.event_id
    and events.content_hash = (changes.before ->> 'content_hash')::bytea
