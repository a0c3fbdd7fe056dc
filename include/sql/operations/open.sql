-- Open the run of what a person does with one calendar. The lease of a run that died goes to it.
-- Reads: calendars, runs. Writes: calendars, runs. Returns the new run's id.
with leased as (
    update calimport.calendars as calendars
    set
        lease_owner = %(owner)s,
        lease_until = %(clock)s
    where calendars.id = %(calendar_id)s
    returning calendars.id, calendars.configured_at, calendars.feed_id
)

insert into calimport.runs (
    calendar_id, dag_id, dag_run_id, as_of, configured_at, created_at, step, operation, actor, of_run_id, keeps_rows,
    feed_id, window_start, window_end, timezone, timezone_source
)
select
    leased.id,
    %(dag_id)s,
    %(dag_run_id)s,
    %(clock)s,
    leased.configured_at,
    %(clock)s,
    'diffed',
    %(operation)s,
    %(actor)s,
    of_run.id,
    %(keeps_rows)s,
    leased.feed_id,
    of_run.window_start,
    of_run.window_end,
    of_run.timezone,
    of_run.timezone_source
from leased
left join calimport.runs as of_run on of_run.id = %(of_run_id)s
returning id
