-- Nothing is held any more: a person has decided. Writes: calendars, notices; kept_rows, of the rows that a release deletes.
with no_notice as (
    delete from calimport.notices
    where calendar_id = %(calendar_id)s and code = 'deletions_held'
),

no_kept_rows as (
    delete from calimport.kept_rows as kept_rows
    using calimport.changes as changes
    where
        changes.run_id = %(release_run_id)s::bigint
        and kept_rows.calendar_id = changes.calendar_id
        and kept_rows.uid = changes.uid
        and kept_rows.recurrence_id is not distinct from changes.recurrence_id
)

update calimport.calendars
set
    held_run_id = null,
    held_confirmations = 0
where id = %(calendar_id)s
