-- Make the notices of some runs' calendars those that the runs found: new ones appear, those that are no longer true go. A run over a
-- window of its own says nothing of notices about other dates: it only adds.
-- Reads: runs, staged_notices. Writes: notices.
with run as (
    select
        runs.id,
        runs.calendar_id,
        runs.requested_start is null and runs.requested_end is null as is_whole
    from calimport.runs as runs
    where runs.id = any(%(run_ids)s::bigint[])
),

no_longer_true as (
    delete from calimport.notices
    where id in (
        select notices.id
        from run
        inner join calimport.notices as notices on run.calendar_id = notices.calendar_id
        where
            run.is_whole
            and not exists (
                select 1
                from calimport.staged_notices as staged_notices
                where
                    staged_notices.run_id = run.id
                    and staged_notices.code = notices.code
                    and staged_notices.subject = notices.subject
            )
    )
)

insert into calimport.notices as notices (
    calendar_id, code, subject, message, occurrences, first_seen_at, last_seen_at
)
select
    run.calendar_id,
    staged_notices.code,
    staged_notices.subject,
    staged_notices.message,
    staged_notices.occurrences,
    %(clock)s,
    %(clock)s
from calimport.staged_notices as staged_notices
inner join run on staged_notices.run_id = run.id
on conflict (calendar_id, code, subject) do update
    set
        message = excluded.message,
        occurrences = excluded.occurrences,
        last_seen_at = excluded.last_seen_at
