-- What may remain of calendars that are gone: rows staged by runs that are gone with them, geocoded addresses that no
-- event has any more, and hosts that were asked in the past. Each can be had again where it is still needed.
-- Writes: staged_events, staged_notices, staged_uids, geocodes, request_budgets.
with no_staged_events as (
    delete from calimport.staged_events
    where not exists (
        select 1 from calimport.runs
        where runs.id = staged_events.run_id
    )
),

no_staged_notices as (
    delete from calimport.staged_notices
    where not exists (
        select 1 from calimport.runs
        where runs.id = staged_notices.run_id
    )
),

no_staged_uids as (
    delete from calimport.staged_uids
    where not exists (
        select 1 from calimport.runs
        where runs.id = staged_uids.run_id
    )
),

no_geocodes as (
    delete from calimport.geocodes
    where not exists (
        select 1 from calimport.events
        where events.address = geocodes.address
    )
)

delete from calimport.request_budgets
where next_at < clock_timestamp()
