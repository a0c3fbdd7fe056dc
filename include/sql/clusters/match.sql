-- With what these rows match: rows of other calendars that are the same event.
-- Reads: events, cluster_overrides. Writes: event_matches. Returns the pairs.
-- Rows that are alike in all that is compared are a group, and a row is matched with the first of a group (the first of
-- another calendar than its own): a thousand calendars with one holiday make a thousand pairs, not a million.
with touched as materialized (
    select
        events.id,
        events.uid,
        events.start_at
    from calimport.events as events
    inner join unnest(%(event_ids)s::bigint[]) as given (id) on events.id = given.id
),

nearby as (
    select events.id
    from calimport.events as events
    where events.start_at in (select touched.start_at from touched)
    union
    select events.id
    from calimport.events as events
    where events.uid in (select touched.uid from touched)
),

-- A person said of the others that they are like no other.
compared as materialized (
    select
        events.id,
        events.calendar_id,
        events.uid,
        events.recurrence_id,
        events.start_at,
        events.all_day,
        events.place_id,
        events.online_url,
        calimport.words(events.summary) as title,
        calimport.words(coalesce(events.address, events.location)) as place
    from calimport.events as events
    inner join nearby on events.id = nearby.id
    where not exists (
        select 1
        from calimport.cluster_overrides as apart
        where
            apart.calendar_id = events.calendar_id
            and apart.uid = events.uid
            and apart.other_uid is null
    )
),

looking as (
    select compared.*
    from compared
    inner join touched on compared.id = touched.id
),

ranked_by_uid as (
    select
        compared.*,
        first_value(compared.calendar_id) over (
            partition by compared.uid, compared.recurrence_id, compared.start_at, compared.title
            order by compared.id
        ) as first_calendar_id
    from compared
),

by_uid as (
    select
        ranked_by_uid.uid,
        ranked_by_uid.recurrence_id,
        ranked_by_uid.start_at,
        ranked_by_uid.title,
        ranked_by_uid.first_calendar_id,
        min(ranked_by_uid.id) as first_id,
        min(ranked_by_uid.id) filter (where ranked_by_uid.calendar_id <> ranked_by_uid.first_calendar_id) as second_id
    from ranked_by_uid
    group by
        ranked_by_uid.uid,
        ranked_by_uid.recurrence_id,
        ranked_by_uid.start_at,
        ranked_by_uid.title,
        ranked_by_uid.first_calendar_id
),

-- Some producers count 1, 2, 3: a UID alone proves nothing.
same_uid as (
    select
        looking.id,
        case when looking.calendar_id <> by_uid.first_calendar_id then by_uid.first_id else by_uid.second_id end as other_id,
        case when looking.start_at = by_uid.start_at then 1.0 else 0.9 end as score,
        array['same UID'] as reasons
    from looking
    inner join by_uid
        on looking.uid = by_uid.uid and looking.recurrence_id is not distinct from by_uid.recurrence_id
    where looking.start_at = by_uid.start_at or calimport.likeness(looking.title, by_uid.title) >= 0.6
),

-- Without a title or a place there is nothing to compare.
placed as (
    select compared.*
    from compared
    where
        cardinality(compared.title) > 0
        and (compared.place_id is not null or compared.online_url is not null or cardinality(compared.place) > 0)
),

ranked_by_start as (
    select
        placed.*,
        first_value(placed.calendar_id) over (
            partition by
                placed.start_at, placed.all_day, placed.title, placed.place_id, placed.online_url, placed.place
            order by placed.id
        ) as first_calendar_id
    from placed
),

by_start as (
    select
        ranked_by_start.start_at,
        ranked_by_start.all_day,
        ranked_by_start.title,
        ranked_by_start.place_id,
        ranked_by_start.online_url,
        ranked_by_start.place,
        ranked_by_start.first_calendar_id,
        min(ranked_by_start.id) as first_id,
        min(ranked_by_start.id)
        filter (where ranked_by_start.calendar_id <> ranked_by_start.first_calendar_id) as second_id
    from ranked_by_start
    group by
        ranked_by_start.start_at,
        ranked_by_start.all_day,
        ranked_by_start.title,
        ranked_by_start.place_id,
        ranked_by_start.online_url,
        ranked_by_start.place,
        ranked_by_start.first_calendar_id
),

alike as (
    select
        looking.id,
        case
            when looking.calendar_id <> by_start.first_calendar_id then by_start.first_id
            else by_start.second_id
        end as other_id,
        calimport.likeness(looking.title, by_start.title) as title_score,
        looking.place_id = by_start.place_id or looking.online_url = by_start.online_url as is_same_place,
        calimport.likeness(looking.place, by_start.place) as place_score
    from looking
    inner join by_start
        on
            looking.start_at = by_start.start_at
            and looking.all_day = by_start.all_day
            and looking.title && by_start.title
),

same_start as (
    select
        alike.id,
        alike.other_id,
        round(
            ((2 * alike.title_score + case when alike.is_same_place then 1 else alike.place_score end) / 3)::numeric, 2
        ) as score,
        array[
            'same start',
            case when alike.title_score = 1 then 'same title' else 'similar title' end,
            case when alike.is_same_place or alike.place_score = 1 then 'same place' else 'similar place' end
        ] as reasons
    from alike
    where alike.title_score >= 0.6 and (alike.is_same_place or alike.place_score >= 0.5)
),

-- Of a series, the dates that are at the same time.
by_hand as (
    select
        one.id,
        other.id as other_id,
        1.0 as score,
        array['by hand'] as reasons
    from calimport.cluster_overrides as joined
    inner join calimport.events as one on joined.calendar_id = one.calendar_id and joined.uid = one.uid
    inner join calimport.events as other
        on joined.other_calendar_id = other.calendar_id and joined.other_uid = other.uid
    where
        (one.start_at = other.start_at or (one.recurrence_id is null and other.recurrence_id is null))
        and (one.id in (select touched.id from touched) or other.id in (select touched.id from touched))
),

found as (
    select * from same_uid
    union all
    select * from same_start
    union all
    select * from by_hand
)

insert into calimport.event_matches (event_id, other_event_id, score, reasons)
select
    least(found.id, found.other_id) as event_id,
    greatest(found.id, found.other_id) as other_event_id,
    max(found.score) as score,
    array_agg(distinct reason.name order by reason.name) as reasons
from found
cross join lateral unnest(found.reasons) as reason (name)
where found.id <> found.other_id
group by least(found.id, found.other_id), greatest(found.id, found.other_id)
on conflict (event_id, other_event_id) do update
    set
        score = excluded.score,
        reasons = excluded.reasons
returning event_id, other_event_id
