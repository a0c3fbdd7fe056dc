-- Who did what: one row for each action of a person. What runs did by themselves stands in runs and changes.

-- No foreign keys: the row outlives what it is about.
create table calimport.audit_log (
    id bigint generated always as identity primary key,
    recorded_at timestamptz not null default current_timestamp,
    actor text not null check (actor ~ '^[a-z]+:.'),
    action text not null check (action ~ '^[a-z_]+[.][a-z_]+$'),
    calendar_id bigint,
    run_id bigint,
    detail jsonb not null default '{}' check (jsonb_typeof(detail) = 'object')
);
create index audit_log_recorded_at on calimport.audit_log (recorded_at);
create index audit_log_calendar_id on calimport.audit_log (calendar_id);
comment on table calimport.audit_log is 'Actions of people, in order. Rows are added and never changed, but for erasure and retention.';
comment on column calimport.audit_log.id is 'Row id.';
comment on column calimport.audit_log.recorded_at is 'When the transaction of the action began.';
comment on column calimport.audit_log.actor is 'Who: os: and the login on the machine of the command line, airflow: and the user of the web server.';
comment on column calimport.audit_log.action is 'What was done to what, as calendar.pause.';
comment on column calimport.audit_log.calendar_id is 'The calendar it is about, if it is about one; it may be gone.';
comment on column calimport.audit_log.run_id is 'The row of runs it is about, if it is about one; it may be gone.';
comment on column calimport.audit_log.detail is 'What else is to be known, addresses masked; empty once its calendar was erased.';

create function calimport.refuse_change_of_audit_log() returns trigger language plpgsql as $$
begin
    if coalesce(current_setting('calimport.audit_log_opened', true), '') = 'yes' then
        return null;
    end if;
    raise exception 'the audit log is only ever added to'
    using errcode = 'integrity_constraint_violation', constraint = 'audit_log_append_only';
end
$$;
create trigger audit_log_append_only
before update or delete or truncate on calimport.audit_log
for each statement execute function calimport.refuse_change_of_audit_log();

-- The two exceptions. They run with the rights of the schema's owner, so that whoever may call them need not have the
-- right to change a row in any other way.
create function calimport.forget_in_audit_log(calendar_ids bigint[]) returns void language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
begin
    perform set_config('calimport.audit_log_opened', 'yes', true);
    update calimport.audit_log set detail = '{}'
    where audit_log.calendar_id = any(calendar_ids);
    perform set_config('calimport.audit_log_opened', '', true);
end
$$;
comment on function calimport.forget_in_audit_log is 'Erasure: that somebody did something stays, what is known of the calendars goes.';

create function calimport.trim_audit_log(before timestamptz) returns void language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
begin
    perform set_config('calimport.audit_log_opened', 'yes', true);
    delete from calimport.audit_log where audit_log.recorded_at < before;
    perform set_config('calimport.audit_log_opened', '', true);
end
$$;
comment on function calimport.trim_audit_log is 'Retention: rows that are older than an instant go.';
revoke execute on function calimport.forget_in_audit_log, calimport.trim_audit_log from public;
