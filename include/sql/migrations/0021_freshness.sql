-- How fresh each calendar is, and what was last told of its state.

alter table calimport.calendars
add column freshness_target interval check (freshness_target >= '1 minute'),
add column fresh_at timestamptz,
add column told_state text not null default 'idle' check (told_state in ('idle', 'error', 'bad_source'));
update calimport.calendars set fresh_at = fetched_at;
comment on column calimport.calendars.freshness_target is 'How old its events may be before it is late; null: three intervals, and two hours at least.';
comment on column calimport.calendars.fresh_at is 'The last fetch after which its events were those of the feed, in its own window.';
comment on column calimport.calendars.told_state is 'The state that the last digest told: another one is told by the next.';

create view calimport.freshness as
with measured as (
    select
        calendars.*,
        current_timestamp - coalesce(calendars.fresh_at, calendars.created_at) as age,
        coalesce(calendars.freshness_target, greatest(calendars.import_interval * 3, interval '2 hours')) as target
    from calimport.calendars as calendars
    where calendars.enabled and calendars.kind <> 'manual'
)

select
    measured.id as calendar_id,
    measured.name as calendar,
    measured.state,
    measured.fresh_at,
    measured.age,
    measured.target,
    measured.age > measured.target as is_late,
    measured.next_import_at,
    greatest(
        current_timestamp - coalesce(measured.next_import_at, measured.configured_at), interval '0'
    ) as lag,
    coalesce(measured.contact_email, partners.contact_email, places.contact_email) as contact_email
from measured
left join calimport.partners as partners on measured.organiser_id = partners.id
left join calimport.places as places on measured.place_id = places.id;
comment on view calimport.freshness is 'How old the events of each calendar are that is not paused, and how late its import is.';
comment on column calimport.freshness.calendar_id is 'The calendar.';
comment on column calimport.freshness.calendar is 'The calendar''s name.';
comment on column calimport.freshness.state is 'idle, in_queue, in_worker, error (passing or ours) or bad_source (its owner must mend it).';
comment on column calimport.freshness.fresh_at is 'The last fetch after which its events were those of the feed, in its own window; null: none yet.';
comment on column calimport.freshness.age is 'How long ago that was; where there was none, how long ago it was added.';
comment on column calimport.freshness.target is 'How old its events may be: its freshness_target, else three intervals and two hours at least.';
comment on column calimport.freshness.is_late is 'Whether they are older.';
comment on column calimport.freshness.next_import_at is 'Not due before this instant; null: due at once.';
comment on column calimport.freshness.lag is 'How long it has been due and not been imported.';
comment on column calimport.freshness.contact_email is 'Who is told: the calendar''s contact, else the organiser''s, else the place''s.';
