-- The same event in several calendars: clusters that destroy nothing, and one row of each to count with.

-- Events of one UID, whatever calendar they are in.
create index events_uid on calimport.events (uid);

-- Lower-case words without accents and punctuation, each once, in order; the little words that titles come with and
-- without are left out, unless there are no others. No extension is needed: normalize() takes accents off letters.
create function calimport.words(given text) returns text[] language sql immutable parallel safe as $$
    with found as (
        select distinct word
        from regexp_split_to_table(
            regexp_replace(lower(normalize(coalesce(given, ''), nfkd)), '[\u0300-\u036f''’]', '', 'g'),
            '[^[:alnum:]]+'
        ) as word
        where word <> ''
    ),
    telling as (
        select word from found
        where word <> all('{a,an,and,at,by,der,die,das,for,in,la,le,of,on,the,to,und,with}'::text[])
    )
    select coalesce(
        (select array_agg(word order by word) from telling),
        (select array_agg(word order by word) from found),
        '{}'
    )
$$;
comment on function calimport.words is 'The words of a title or an address as they are compared.';

-- Twice the words in common, of all words (Dice): 0 to 1.
create function calimport.likeness(one text[], other text[]) returns double precision language sql immutable parallel safe
as $$
    select case
        when one = other then (cardinality(one) > 0)::integer::double precision
        when one && other
            then 2.0 * (select count(*) from unnest(one) as word where word = any(other))
                / (cardinality(one) + cardinality(other))
        else 0.0
    end
$$;
comment on function calimport.likeness is 'How much two lists of words have in common, from 0 to 1.';

create table calimport.event_matches (
    event_id bigint not null references calimport.events (id) on delete cascade,
    other_event_id bigint not null references calimport.events (id) on delete cascade,
    score double precision not null check (score > 0 and score <= 1),
    reasons text[] not null check (cardinality(reasons) > 0),
    primary key (event_id, other_event_id),
    constraint event_matches_in_order check (event_id < other_event_id)
);
create index event_matches_other_event_id on calimport.event_matches (other_event_id);
comment on table calimport.event_matches is 'Pairs of rows of different calendars that are the same event; not every pair of a cluster is here.';
comment on column calimport.event_matches.event_id is 'The one row, that with the lower id.';
comment on column calimport.event_matches.other_event_id is 'The other row.';
comment on column calimport.event_matches.score is 'How sure that is, from 0 to 1.';
comment on column calimport.event_matches.reasons is 'Why: same UID; or same start, similar title, same or similar place; or by hand.';

create table calimport.event_cluster_members (
    event_id bigint primary key references calimport.events (id) on delete cascade,
    cluster_id bigint not null,
    members integer not null check (members > 1)
);
create index event_cluster_members_cluster_id on calimport.event_cluster_members (cluster_id);
comment on table calimport.event_cluster_members is 'Which cluster a row is in; a row that is like no other is not here.';
comment on column calimport.event_cluster_members.event_id is 'The row of events.';
comment on column calimport.event_cluster_members.cluster_id is 'The lowest id of the cluster''s rows when it was found.';
comment on column calimport.event_cluster_members.members is 'How many rows it then had: with fewer, it is found anew.';

-- By UID and not by row, so that it also holds for the other dates of a series, and for rows that come back.
create table calimport.cluster_overrides (
    id bigint generated always as identity primary key,
    calendar_id bigint not null references calimport.calendars (id) on delete cascade,
    uid text not null,
    other_calendar_id bigint references calimport.calendars (id) on delete cascade,
    other_uid text,
    created_at timestamptz not null default current_timestamp,
    constraint cluster_overrides_whole check ((other_calendar_id is null) = (other_uid is null)),
    constraint cluster_overrides_of_two check (other_calendar_id is null or (calendar_id, uid) <> (other_calendar_id, other_uid)),
    constraint cluster_overrides_once unique nulls not distinct (calendar_id, uid, other_calendar_id, other_uid)
);
create index cluster_overrides_other on calimport.cluster_overrides (other_calendar_id, other_uid);
comment on table calimport.cluster_overrides is 'What a person says of duplicates: two events are the same, or an event is like no other.';
comment on column calimport.cluster_overrides.id is 'Row id.';
comment on column calimport.cluster_overrides.calendar_id is 'The calendar of the event.';
comment on column calimport.cluster_overrides.uid is 'Its UID: all its dates.';
comment on column calimport.cluster_overrides.other_calendar_id is 'The calendar of the event that is the same; null: it is like no other.';
comment on column calimport.cluster_overrides.other_uid is 'The UID of the event that is the same.';
comment on column calimport.cluster_overrides.created_at is 'When it was said.';

alter table calimport.runs add column clustered boolean not null default false;
create index runs_to_cluster on calimport.runs (id) where outcome = 'imported' and not clustered;
comment on column calimport.runs.clustered is 'Whether duplicates of the rows that it changed were looked for.';

create view calimport.event_clusters as
with reasoned as (
    select
        matched.event_id,
        max(matched.score) as score,
        array_agg(distinct reason.name order by reason.name) as reasons
    from (
        select
            event_id,
            score,
            reasons
        from calimport.event_matches
        union all
        select
            other_event_id,
            score,
            reasons
        from calimport.event_matches
    ) as matched
    cross join lateral unnest(matched.reasons) as reason (name)
    group by matched.event_id
)

select
    event_cluster_members.cluster_id,
    event_cluster_members.event_id,
    row_number() over (
        partition by event_cluster_members.cluster_id
        order by
            events.status = 'cancelled',
            events.visibility in ('private', 'confidential'),
            events.place_id is null,
            length(coalesce(events.description, '')) desc,
            events.id
    ) = 1 as is_canonical,
    reasoned.score,
    reasoned.reasons,
    events.calendar_id,
    events.uid,
    events.recurrence_id,
    events.start_at,
    events.summary
from calimport.event_cluster_members as event_cluster_members
inner join calimport.events as events on event_cluster_members.event_id = events.id
inner join reasoned on event_cluster_members.event_id = reasoned.event_id;
comment on view calimport.event_clusters is 'Rows that are the same event in several calendars, with a score and reasons.';
comment on column calimport.event_clusters.cluster_id is 'The cluster.';
comment on column calimport.event_clusters.event_id is 'One of its rows.';
comment on column calimport.event_clusters.is_canonical is 'Whether it stands for the cluster: of those that take place and are not private, one with a known place, that with the longest description, the oldest row.';
comment on column calimport.event_clusters.score is 'How sure it is that the row belongs here, from 0 to 1.';
comment on column calimport.event_clusters.reasons is 'Why: same UID, same start, similar title, same place, similar place, by hand.';
comment on column calimport.event_clusters.calendar_id is 'The calendar of the row.';
comment on column calimport.event_clusters.uid is 'Its UID.';
comment on column calimport.event_clusters.recurrence_id is 'Its recurrence id.';
comment on column calimport.event_clusters.start_at is 'Its start.';
comment on column calimport.event_clusters.summary is 'Its title.';

create view calimport.canonical_events as
select events.*
from calimport.events as events
where not exists (
    select 1
    from calimport.event_clusters as event_clusters
    where event_clusters.event_id = events.id and not event_clusters.is_canonical
);
comment on view calimport.canonical_events is 'Every event once: rows that are in no cluster, and one of each cluster. The columns mean what they mean in events.';
do $$
declare
    shared record;
begin
    for shared in
        select
            to_column.attname,
            col_description(from_column.attrelid, from_column.attnum) as meaning
        from pg_attribute as to_column
        inner join pg_attribute as from_column
            on from_column.attrelid = 'calimport.events'::regclass and from_column.attname = to_column.attname
        where to_column.attrelid = 'calimport.canonical_events'::regclass and to_column.attnum > 0
    loop
        execute format('comment on column calimport.canonical_events.%I is %L', shared.attname, shared.meaning);
    end loop;
end
$$;
