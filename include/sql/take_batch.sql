-- Take the leases of a batch's calendars, all of them or none: a run that held some while it waits for others could wait
-- for a run that waits for it. Returns one row per calendar that another live run holds; no row: all are taken.
-- Reads and writes: calendars. Reads: runs.
with wanted as (
    select
        calendars.id,
        calendars.lease_owner <> %(owner)s
        and calendars.lease_until > %(clock)s
        -- A later one was given by a clock that was wrong.
        and calendars.lease_until <= %(lease_until)s::timestamptz + interval '1 hour' as is_busy
    from calimport.calendars as calendars
    where calendars.id = any(%(calendar_ids)s)
    order by calendars.id
    for update
),

busy as (
    select wanted.id from wanted
    where wanted.is_busy
),

taken as (
    update calimport.calendars as calendars
    set
        lease_owner = %(owner)s,
        lease_until = %(lease_until)s
    from wanted
    where calendars.id = wanted.id and not exists (select from busy)
)

select
    calendars.name,
    max(runs.created_at) as waits_since
from busy
inner join calimport.calendars as calendars on busy.id = calendars.id
left join calimport.runs as runs
    on busy.id = runs.calendar_id and runs.dag_id = %(dag_id)s and runs.dag_run_id = %(dag_run_id)s
group by calendars.name
order by calendars.name
