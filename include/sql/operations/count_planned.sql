-- How much the run's plan does, recorded on the run. Reads: changes. Writes: runs. Returns one row.
update calimport.runs as runs
set
    inserted = planned.inserted,
    updated = planned.updated,
    deleted = planned.deleted,
    held = planned.held
from (
    select
        count(*) filter (where changes.action = 'insert') as inserted,
        count(*) filter (where changes.action = 'update') as updated,
        count(*) filter (where changes.action = 'delete' and not changes.held) as deleted,
        count(*) filter (where changes.held) as held
    from calimport.changes as changes
    where changes.run_id = %(run_id)s
) as planned
where runs.id = %(run_id)s
returning runs.inserted, runs.updated, runs.deleted
