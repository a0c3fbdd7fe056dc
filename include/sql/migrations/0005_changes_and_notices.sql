-- Plans and history, and what a calendar's owner can mend.

create table calimport.changes (
    id bigint generated always as identity primary key,
    run_id bigint not null references calimport.runs (id) on delete cascade,
    calendar_id bigint not null references calimport.calendars (id) on delete cascade,
    event_id bigint not null,
    action text not null check (action in ('insert', 'update', 'delete')),
    held boolean not null default false,
    uid text not null,
    recurrence_id text,
    changed_columns text[],
    before jsonb,
    after jsonb,
    constraint changes_once_per_event unique (run_id, event_id),
    constraint changes_before_whole check ((action = 'insert') = (before is null)),
    constraint changes_after_whole check ((action = 'delete') = (after is null)),
    constraint changes_held_deletes check (not held or action = 'delete')
);
create index changes_calendar_id on calimport.changes (calendar_id, id desc);
create index changes_event_id on calimport.changes (event_id);
comment on table calimport.changes is 'The plan of each run and, once the run is applied, the history: see the view history.';
comment on column calimport.changes.id is 'Row id.';
comment on column calimport.changes.run_id is 'The run that planned it.';
comment on column calimport.changes.calendar_id is 'The calendar.';
comment on column calimport.changes.event_id is 'The row of events; for an insert, the id that the row gets.';
comment on column calimport.changes.action is 'insert, update or delete.';
comment on column calimport.changes.held is 'Whether this deletion was held back as implausible.';
comment on column calimport.changes.uid is 'UID of the occurrence.';
comment on column calimport.changes.recurrence_id is 'Recurrence id of the occurrence after the change (before it, for a delete).';
comment on column calimport.changes.changed_columns is 'Columns that differ; null unless an update.';
comment on column calimport.changes.before is 'The row before; null for an insert.';
comment on column calimport.changes.after is 'The row after; null for a delete.';

create table calimport.notices (
    id bigint generated always as identity primary key,
    calendar_id bigint not null references calimport.calendars (id) on delete cascade,
    code text not null,
    subject text not null default '',
    message text not null,
    occurrences integer not null check (occurrences > 0),
    first_seen_at timestamptz not null,
    last_seen_at timestamptz not null,
    constraint notices_once unique (calendar_id, code, subject)
);
comment on table calimport.notices is 'What a calendar''s owner can mend in their feed, kept while it is true.';
comment on column calimport.notices.id is 'Row id.';
comment on column calimport.notices.calendar_id is 'The calendar.';
comment on column calimport.notices.code is 'What kind of notice it is.';
comment on column calimport.notices.subject is 'The UID it is about, or the empty string for the whole calendar.';
comment on column calimport.notices.message is 'The sentence for the calendar''s owner.';
comment on column calimport.notices.occurrences is 'How often it was found in the last feed.';
comment on column calimport.notices.first_seen_at is 'Since when it is true.';
comment on column calimport.notices.last_seen_at is 'When it was last found anew.';

create view calimport.history as
select
    changes.id,
    changes.calendar_id,
    changes.event_id,
    changes.action,
    changes.uid,
    changes.recurrence_id,
    changes.changed_columns,
    changes.before,
    changes.after,
    changes.run_id,
    runs.dag_run_id,
    runs.finished_at as changed_at
from calimport.changes as changes
inner join calimport.runs as runs on changes.run_id = runs.id
where runs.outcome = 'imported' and not changes.held;
comment on view calimport.history is 'Changes that were applied: who knows what a row was, and which run changed it.';
comment on column calimport.history.dag_run_id is 'Airflow''s run id.';
comment on column calimport.history.changed_at is 'When it was changed.';

-- A column that another table has too means the same there.
do $$
declare
    shared record;
begin
    for shared in
        select
            pair.to_name,
            to_column.attname,
            col_description(from_column.attrelid, from_column.attnum) as meaning
        from (
            values
            ('calimport.events', 'calimport.staged_events'),
            ('calimport.changes', 'calimport.history')
        ) as pair (from_name, to_name)
        inner join pg_attribute as to_column on to_column.attrelid = pair.to_name::regclass
        inner join pg_attribute as from_column
            on from_column.attrelid = pair.from_name::regclass and from_column.attname = to_column.attname
        where to_column.attnum > 0
    loop
        execute format(
            'comment on column %s.%I is %L', shared.to_name::regclass, shared.attname, shared.meaning
        );
    end loop;
end
$$;
