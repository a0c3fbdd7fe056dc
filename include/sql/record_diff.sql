-- Record the plan's counts on the run, what the deletion guard found, and notices of both. Writes: runs, staged_notices.
with noticed as (
    insert into calimport.staged_notices (run_id, code, subject, message, occurrences, keeps_uid)
    select
        %(run_id)s,
        given.code,
        '',
        given.message,
        1,
        false
    from unnest(%(codes)s::text[], %(messages)s::text[]) as given (code, message)
    on conflict (run_id, code, subject) do update set message = excluded.message
)

update calimport.runs as runs
set
    step = 'diffed',
    inserted = %(inserted)s,
    updated = %(updated)s,
    deleted = %(deleted)s,
    held = %(held)s,
    held_of = %(held_of)s,
    held_reason = %(held_reason)s,
    held_confirmations = %(held_confirmations)s,
    held_until_told = %(held_until_told)s,
    uid_sample = %(uid_sample)s
-- Not where the same run is being fetched anew by another process.
where runs.id = %(run_id)s and runs.step in ('normalized', 'diffed')
