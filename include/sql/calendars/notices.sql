-- The notices of one calendar, the oldest first.
select
    owner_notices.code,
    owner_notices.subject,
    owner_notices.message,
    owner_notices.occurrences,
    owner_notices.first_seen_at,
    owner_notices.last_seen_at
from calimport.owner_notices as owner_notices
where owner_notices.calendar_id = %(id)s
order by owner_notices.first_seen_at asc, owner_notices.id asc;
