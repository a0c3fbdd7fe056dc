-- After places were added or changed: calendars whose rows may now differ are expanded again although their feed is the
-- same. Those at such a place are due at once; those that look for a venue among all places, when their time comes,
-- or one new place would make every calendar due in the same minute. Row count: calendars touched.
update calimport.calendars
set
    imported_fingerprint = null,
    next_import_at = case when place_id in (
        select places.id from calimport.places as places
        where places.name = any(%(names)s)
    ) then null else next_import_at end
where
    strategy in ('event', 'event_override')
    or place_id in (
        select places.id from calimport.places as places
        where places.name = any(%(names)s)
    );
