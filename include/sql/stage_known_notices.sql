-- Stage the notices that are known of a calendar and are about other events than those that were read anew: they stay true.
-- Not those that diff finds itself, nor how the feed was found. Reads: notices. Writes: staged_notices.
insert into calimport.staged_notices (run_id, code, subject, message, occurrences, keeps_uid)
select
    %(run_id)s,
    notices.code,
    notices.subject,
    notices.message,
    notices.occurrences,
    false
from calimport.notices as notices
where
    notices.calendar_id = %(calendar_id)s
    and notices.subject <> all(%(uids)s)
    and notices.code not in ('deletions_held', 'uid_churn', 'better_feed')
on conflict (run_id, code, subject) do update
    set occurrences = excluded.occurrences, message = excluded.message
