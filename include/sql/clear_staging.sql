-- Remove what is staged for some runs. Writes: staged_events, staged_notices, staged_uids.
with staged_events_cleared as (
    delete from calimport.staged_events as staged_events
    where staged_events.run_id = any(%(run_ids)s)
),

staged_notices_cleared as (
    delete from calimport.staged_notices as staged_notices
    where staged_notices.run_id = any(%(run_ids)s)
)

delete from calimport.staged_uids as staged_uids
where staged_uids.run_id = any(%(run_ids)s)
