-- Pause or resume one calendar. Resuming ends its back-off. Row count: 1.
update calimport.calendars
set
    enabled = %(enabled)s,
    configured_at = current_timestamp,
    next_import_at = null,
    consecutive_failures = case when %(enabled)s then 0 else consecutive_failures end
where id = %(id)s;
