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

-- To compare all titles of one moment with each other would take the square of their number. Of two that are alike in 0.6
-- (twice the words in common, of all words of both), three sevenths of the words of each are in common at least. So the
-- first word in common, in an order that is the same for all titles, is among the first n - 3n/7 + 1 words of each: the
-- prefix filter of set-similarity joins. The order is from rare to common, so that few titles share those words.
numbered as materialized (
    select
        row_number() over () as number,
        by_start.*
    from by_start
),

word_counts as (
    select
        title_word.word,
        count(*) as times
    from numbered
    cross join lateral unnest(numbered.title) as title_word (word)
    group by title_word.word
),

telling as materialized (
    select
        titles.title,
        (array_agg(title_word.word order by word_counts.times, title_word.word))[
            1:cardinality(titles.title) - (3 * cardinality(titles.title) + 6) / 7 + 1
        ] as words
    from (select distinct numbered.title from numbered) as titles
    cross join lateral unnest(titles.title) as title_word (word)
    inner join word_counts on title_word.word = word_counts.word
    group by titles.title
),

words_of_groups as materialized (
    select
        numbered.number,
        numbered.start_at,
        numbered.all_day,
        telling_word.word
    from numbered
    inner join telling on numbered.title = telling.title
    cross join lateral unnest(telling.words) as telling_word (word)
),

words_of_looking as materialized (
    select
        looking.id,
        looking.start_at,
        looking.all_day,
        telling_word.word
    from looking
    inner join telling on looking.title = telling.title
    cross join lateral unnest(telling.words) as telling_word (word)
),

near as materialized (
    select distinct
        words_of_looking.id,
        words_of_groups.number
    from words_of_looking
    inner join words_of_groups
        on
            words_of_looking.start_at = words_of_groups.start_at
            and words_of_looking.word = words_of_groups.word
            and words_of_looking.all_day = words_of_groups.all_day
),

alike as (
    select
        looking.id,
        case
            when looking.calendar_id <> numbered.first_calendar_id then numbered.first_id
            else numbered.second_id
        end as other_id,
        calimport.likeness(looking.title, numbered.title) as title_score,
        looking.place_id = numbered.place_id or looking.online_url = numbered.online_url as is_same_place,
        calimport.likeness(looking.place, numbered.place) as place_score
    from near
    inner join looking on near.id = looking.id
    inner join numbered on near.number = numbered.number
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
