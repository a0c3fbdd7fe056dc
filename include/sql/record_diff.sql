-- Record the plans' counts on their runs, what the deletion guard found, and notices of both. Row count: runs recorded.
-- Writes: runs, staged_notices.
with found as (
    select found.*
    from jsonb_to_recordset(%(found)s::jsonb) as found (
        run_id bigint,
        inserted integer,
        updated integer,
        deleted integer,
        held integer,
        held_of integer,
        held_reason text,
        held_confirmations integer,
        held_until_told boolean,
        uid_sample text[]
    )
),

noticed as (
    insert into calimport.staged_notices (run_id, code, subject, message, occurrences, keeps_uid)
    select
        given.run_id,
        given.code,
        '',
        given.message,
        1,
        false
    from jsonb_to_recordset(%(notices)s::jsonb) as given (run_id bigint, code text, message text)
    on conflict (run_id, code, subject) do update set message = excluded.message
)

update calimport.runs as runs
set
    step = 'diffed',
    inserted = found.inserted,
    updated = found.updated,
    deleted = found.deleted,
    held = found.held,
    held_of = found.held_of,
    held_reason = found.held_reason,
    held_confirmations = found.held_confirmations,
    held_until_told = found.held_until_told,
    uid_sample = found.uid_sample
from found
-- Not where the same run is being fetched anew by another process.
where runs.id = found.run_id and runs.step in ('normalized', 'diffed')
