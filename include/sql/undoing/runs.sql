-- The runs of one name that were applied, in their order, and whether each changed something that the history still has.
-- Reads: runs, changes.
select
    runs.id,
    runs.calendar_id,
    runs.keeps_rows,
    exists(
        select 1 from calimport.changes as changes
        where changes.run_id = runs.id and not changes.held
    ) as changed
from calimport.runs as runs
where
    runs.dag_run_id = %(dag_run_id)s
    and runs.outcome = 'imported'
    and (%(calendar_id)s::bigint is null or runs.calendar_id = %(calendar_id)s)
order by runs.calendar_id, runs.id
