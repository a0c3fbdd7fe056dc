-- What a person said of rows is said of how the calendar makes them, whether or not it was paused meanwhile.

create function calimport.row_configuration(calendar calimport.calendars) returns text
language sql immutable parallel safe as $$
    select md5(jsonb_build_array(
        calendar.kind, calendar.source, calendar.connection_id, calendar.timezone, calendar.activity_type, calendar.strategy,
        calendar.place_id, calendar.private_events, calendar.attendees_policy, calendar.organizer_policy,
        calendar.description_policy, calendar.default_reminders
    )::text)
$$;
comment on function calimport.row_configuration is 'Digest of what rows follow from in a calendar''s configuration.';

alter table calimport.kept_rows add column configuration text;
update calimport.kept_rows
set configuration = calimport.row_configuration(calendars)
from calimport.calendars
where kept_rows.calendar_id = calendars.id;
alter table calimport.kept_rows alter column configuration set not null, drop column configured_at;
comment on column calimport.kept_rows.configuration is 'Digest of the configuration that they said it of; another one ends it.';
