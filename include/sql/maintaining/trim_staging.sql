-- Staged rows that no run will compare any more. Each run clears its own; these are of runs that died.
-- Reads: runs. Writes: staged_events, staged_notices, staged_uids. Row count: those of staged_events.
with no_staged_notices as (
    delete from calimport.staged_notices
    where not exists (
        select 1 from calimport.runs as runs
        where runs.id = staged_notices.run_id and runs.outcome is null
    )
),

no_staged_uids as (
    delete from calimport.staged_uids
    where not exists (
        select 1 from calimport.runs as runs
        where runs.id = staged_uids.run_id and runs.outcome is null
    )
)

delete from calimport.staged_events
where not exists (
    select 1 from calimport.runs as runs
    where runs.id = staged_events.run_id and runs.outcome is null
)
