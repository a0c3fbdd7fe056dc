-- Record the plan's counts on the run, and a notice where deletions are held. Writes: runs, staged_notices.
with held_notice as (
    insert into calimport.staged_notices (run_id, code, subject, message, occurrences, keeps_uid)
    select
        %(run_id)s,
        'deletions_held',
        '',
        format('Most of this calendar''s events (%%s) are no longer in the feed. They are kept for now; if the next fetches agree, they go.', %(held)s::integer),
        1,
        false
    where %(held)s > 0
    on conflict (run_id, code, subject) do update set message = excluded.message
)

update calimport.runs as runs
set
    step = 'diffed',
    inserted = %(inserted)s,
    updated = %(updated)s,
    deleted = %(deleted)s,
    held = %(held)s
where runs.id = %(run_id)s
