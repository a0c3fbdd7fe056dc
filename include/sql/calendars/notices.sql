-- The notices of one calendar, the oldest first.
select
    notices.message,
    notices.first_seen_at
from calimport.notices
where notices.calendar_id = %(id)s
order by notices.first_seen_at asc, notices.id asc;
