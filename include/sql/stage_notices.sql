-- Stage what is said of feeds. Writes: staged_notices. One element of each array is one notice.
insert into calimport.staged_notices (run_id, code, subject, message, occurrences, keeps_uid)
select *
from unnest(
    %(run_id)s::bigint[],
    %(code)s::text[],
    %(subject)s::text[],
    %(message)s::text[],
    %(occurrences)s::integer[],
    %(keeps_uid)s::boolean[]
)
