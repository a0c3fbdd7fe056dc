-- Rows that people write through the Store API, in calendars that nothing is imported into.

-- A calendar of kind `manual` has no source: the index calendars_source lets each user have one an activity type.
alter table calimport.calendars drop constraint calendars_have_a_source;
alter table calimport.calendars add constraint calendars_have_a_source
check (case when kind = 'manual' then source is null and connection_id is null else source is not null or connection_id is not null end);
comment on column calimport.calendars.kind is 'Kind of source (ics, google), auto to detect it, or manual: its events are written by hand and it is never imported.';

comment on column calimport.events.first_run_id is 'The run that inserted the row; 0: it was written by hand.';
comment on column calimport.events.last_run_id is 'The run that last changed the row; 0: it was written by hand.';

-- An import deletes what its feed does not hold. It must not begin where there is no feed.
create function calimport.refuse_import_of_manual_calendar() returns trigger language plpgsql as $$
begin
    if exists (select 1 from calimport.calendars where calendars.id = new.calendar_id and calendars.kind = 'manual') then
        raise exception 'calendar % is written by hand and cannot be imported', new.calendar_id
        using errcode = 'integrity_constraint_violation', constraint = 'runs_not_of_manual_calendars';
    end if;
    return new;
end
$$;
create trigger runs_not_of_manual_calendars
before insert on calimport.runs
for each row execute function calimport.refuse_import_of_manual_calendar();

-- Nor may a calendar with rows written by hand become one that is imported.
create function calimport.refuse_change_of_manual_calendar() returns trigger language plpgsql as $$
begin
    raise exception 'calendar % cannot become, or cease to be, one that is written by hand', new.id
    using errcode = 'integrity_constraint_violation', constraint = 'calendars_manual_for_good';
end
$$;
create trigger calendars_manual_for_good
before update of kind on calimport.calendars
for each row when ((old.kind = 'manual') <> (new.kind = 'manual'))
execute function calimport.refuse_change_of_manual_calendar();
