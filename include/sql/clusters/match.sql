-- With what these rows match: rows of other calendars that are the same event.
-- Reads: events, cluster_overrides. Writes: event_matches. Returns the pairs.
-- The work grows with the rows that are read, not with the square of copies:
-- * Rows that are alike in all that is compared are a group, and a row is matched with the first of its group (the first of
--   another calendar than its own): a thousand calendars with one holiday make a thousand pairs, not a million.
-- * Groups are compared with each other by one row of each, and only those of one block: a UID, or a start, with a word of
--   the title and one of the place that both have.
-- * Of a large block each group is compared with the first, and with a few before and after it, in an order in which titles
--   that have much in common are near each other.
with touched as materialized (
    select
        events.id,
        events.uid,
        events.start_at,
        calimport.words(events.summary) as title
    from calimport.events as events
    inner join unnest(%(event_ids)s::bigint[]) as given (id) on events.id = given.id
),

-- Where few rows of a start are touched, most others of that start have no word in common with them.
sought as materialized (
    select
        touched.start_at,
        array_agg(distinct '%%' || title_word.word || '%%') as patterns
    from touched
    cross join lateral unnest(touched.title) as title_word (word)
    group by touched.start_at
),

nearby as (
    select events.id
    from calimport.events as events
    inner join sought on events.start_at = sought.start_at
    where
        cardinality(sought.patterns) > %(block)s
        -- Here words are not what is written.
        or events.summary ~ '[^ -~]|'''
        or lower(events.summary) like any(sought.patterns)
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
        case when touched.id is null then calimport.words(events.summary) else touched.title end as title,
        calimport.words(coalesce(events.address, events.location)) as place,
        touched.id is not null as is_touched
    from calimport.events as events
    inner join nearby on events.id = nearby.id
    left join touched on events.id = touched.id
    where not exists (
        select 1
        from calimport.cluster_overrides as apart
        where
            apart.calendar_id = events.calendar_id
            and apart.uid = events.uid
            and apart.other_uid is null
    )
),

-- One UID and one start: whatever the title is, since some calendars mask it.
ranked_by_uid as (
    select
        compared.*,
        first_value(compared.calendar_id) over (
            partition by compared.uid, compared.recurrence_id, compared.start_at
            order by compared.id
        ) as first_calendar_id
    from compared
),

by_uid as (
    select
        ranked_by_uid.uid,
        ranked_by_uid.recurrence_id,
        ranked_by_uid.start_at,
        ranked_by_uid.first_calendar_id,
        min(ranked_by_uid.id) as first_id,
        min(ranked_by_uid.id) filter (where ranked_by_uid.calendar_id <> ranked_by_uid.first_calendar_id) as second_id
    from ranked_by_uid
    group by
        ranked_by_uid.uid,
        ranked_by_uid.recurrence_id,
        ranked_by_uid.start_at,
        ranked_by_uid.first_calendar_id
),

same_uid as (
    select
        compared.id,
        case when compared.calendar_id <> by_uid.first_calendar_id then by_uid.first_id else by_uid.second_id end as other_id,
        1.0 as score,
        array['same UID'] as reasons
    from compared
    inner join by_uid
        on
            compared.uid = by_uid.uid
            and compared.recurrence_id is not distinct from by_uid.recurrence_id
            and compared.start_at = by_uid.start_at
    where compared.is_touched
),

times_of_uids as (
    select
        compared.*,
        min(compared.start_at) over of_uid <> max(compared.start_at) over of_uid as is_moved
    from compared
    window of_uid as (partition by compared.uid, compared.recurrence_id)
),

-- What else may be alike: a UID that is at several times, and what starts at one time and has a title and a place. Some
-- producers count 1, 2, 3, so a UID alone proves nothing.
comparable as (
    select
        times_of_uids.id,
        times_of_uids.calendar_id,
        times_of_uids.is_touched,
        array['uid', times_of_uids.uid, times_of_uids.recurrence_id::text] as subject,
        times_of_uids.start_at,
        times_of_uids.title,
        null::bigint as place_id,
        null::text as online_url,
        '{}'::text[] as place
    from times_of_uids
    where times_of_uids.is_moved and cardinality(times_of_uids.title) > 0
    union all
    select
        compared.id,
        compared.calendar_id,
        compared.is_touched,
        array['start', compared.start_at::text, compared.all_day::text] as subject,
        compared.start_at,
        compared.title,
        compared.place_id,
        compared.online_url,
        compared.place
    from compared
    where
        cardinality(compared.title) > 0
        and (compared.place_id is not null or compared.online_url is not null or cardinality(compared.place) > 0)
),

ranked as (
    select
        comparable.*,
        first_value(comparable.calendar_id) over (
            partition by
                comparable.subject,
                comparable.start_at,
                comparable.title,
                comparable.place_id,
                comparable.online_url,
                comparable.place
            order by comparable.id
        ) as first_calendar_id
    from comparable
),

grouped as (
    select
        ranked.subject,
        ranked.start_at,
        ranked.title,
        ranked.place_id,
        ranked.online_url,
        ranked.place,
        ranked.first_calendar_id,
        bool_or(ranked.is_touched) as is_touched,
        min(ranked.id) as first_id,
        min(ranked.id) filter (where ranked.calendar_id <> ranked.first_calendar_id) as second_id,
        array_agg(ranked.id) filter (where ranked.calendar_id = ranked.first_calendar_id) as of_first,
        array_agg(ranked.id) filter (where ranked.calendar_id <> ranked.first_calendar_id and ranked.is_touched) as of_others
    from ranked
    group by
        ranked.subject,
        ranked.start_at,
        ranked.title,
        ranked.place_id,
        ranked.online_url,
        ranked.place,
        ranked.first_calendar_id
),

groups as materialized (
    select
        row_number() over () as number,
        grouped.*,
        -- Whom another group is matched with: one row, which leads to the others, unless all are of one calendar.
        case when grouped.second_id is null then grouped.of_first else array[grouped.first_id] end as ends
    from grouped
),

same_group as (
    select
        unnest(groups.of_others) as id,
        groups.first_id as other_id
    from groups
    where groups.is_touched and groups.subject[1] = 'start'
    union all
    select
        unnest(groups.of_first) as id,
        groups.second_id as other_id
    from groups
    where groups.is_touched and groups.subject[1] = 'start'
),

-- Of two titles that are alike in 0.6 (twice the words in common, of all words of both), three sevenths of the words of
-- each are in common at least; of two places that are alike in 0.5, a third. So the first word in common, in an order that
-- is the same for all, is among the first n - 3n/7 + 1 words of each title, and n - n/3 + 1 of each place: the prefix filter
-- of set-similarity joins. The order is from rare to common, so that few share those words.
distinct_titles as (
    select distinct groups.title from groups
),

words_of_titles as (
    select
        distinct_titles.title,
        title_word.word,
        count(*) over (partition by title_word.word) as times
    from distinct_titles
    cross join lateral unnest(distinct_titles.title) as title_word (word)
),

titles as materialized (
    select
        words_of_titles.title,
        (array_agg(words_of_titles.word order by words_of_titles.times, words_of_titles.word))[
            1:cardinality(words_of_titles.title) - (3 * cardinality(words_of_titles.title) + 6) / 7 + 1
        ] as telling,
        array_agg(words_of_titles.word order by words_of_titles.times desc, words_of_titles.word asc) as common_first
    from words_of_titles
    group by words_of_titles.title
),

distinct_places as (
    select distinct groups.place from groups
),

words_of_places as (
    select
        distinct_places.place,
        place_word.word,
        count(*) over (partition by place_word.word) as times
    from distinct_places
    cross join lateral unnest(distinct_places.place) as place_word (word)
),

places as materialized (
    select
        words_of_places.place,
        (array_agg(words_of_places.word order by words_of_places.times, words_of_places.word))[
            1:cardinality(words_of_places.place) - (cardinality(words_of_places.place) + 2) / 3 + 1
        ] as telling
    from words_of_places
    group by words_of_places.place
),

signs_of_places as (
    select
        groups.number,
        unnest(places.telling) as sign
    from groups
    inner join places on groups.place = places.place
    union all
    select
        groups.number,
        'place ' || groups.place_id as sign
    from groups
    where groups.place_id is not null
    union all
    select
        groups.number,
        'link ' || groups.online_url as sign
    from groups
    where groups.online_url is not null
    union all
    select
        groups.number,
        '' as sign
    from groups
    where groups.subject[1] = 'uid'
),

-- A number stands for a block: where two have one by chance, their groups are compared for nothing.
blocked as materialized (
    select
        groups.number,
        groups.is_touched,
        titles.common_first,
        groups.place,
        hashtextextended(concat_ws(' ', groups.subject::text, title_word.word, signs_of_places.sign), 0) as block
    from groups
    inner join titles on groups.title = titles.title
    inner join signs_of_places on groups.number = signs_of_places.number
    cross join lateral unnest(titles.telling) as title_word (word)
),

blocks as materialized (
    select
        blocked.number,
        blocked.is_touched,
        blocked.block,
        row_number() over (
            partition by blocked.block
            order by blocked.common_first, blocked.place, blocked.number
        ) as position,
        count(*) over (partition by blocked.block) as size
    from blocked
    where blocked.block in (
        select its_own.block from blocked as its_own
        where its_own.is_touched
    )
),

wanted as (
    select
        blocks.number,
        blocks.block,
        generate_series(
            case when blocks.size > %(block)s then greatest(blocks.position - %(neighbours)s, 1) else 1 end,
            case when blocks.size > %(block)s then least(blocks.position + %(neighbours)s, blocks.size) else blocks.size end
        ) as position
    from blocks
    where blocks.is_touched and blocks.size > 1
    union all
    select
        blocks.number,
        blocks.block,
        1 as position
    from blocks
    where blocks.is_touched and blocks.size > %(block)s
),

near as materialized (
    select distinct
        least(wanted.number, blocks.number) as number,
        greatest(wanted.number, blocks.number) as other_number
    from wanted
    inner join blocks on wanted.block = blocks.block and wanted.position = blocks.position
    where wanted.number <> blocks.number
),

likened as materialized (
    select
        near.number,
        near.other_number,
        one.subject[1] = 'uid' as is_uid,
        -- In the join it would be what the plan begins with.
        one.subject = other.subject and (one.subject[1] = 'start' or one.start_at <> other.start_at) as is_candidate,
        calimport.likeness(one.title, other.title) as title_score,
        coalesce(one.place_id = other.place_id, false) or coalesce(one.online_url = other.online_url, false) as is_same_place,
        calimport.likeness(one.place, other.place) as place_score
    from near
    inner join groups as one on near.number = one.number
    inner join groups as other on near.other_number = other.number
),

alike as (
    select
        likened.number,
        likened.other_number,
        0.9 as score,
        array['same UID'] as reasons
    from likened
    where likened.is_candidate and likened.is_uid and likened.title_score >= 0.6
    union all
    select
        likened.number,
        likened.other_number,
        round(
            ((2 * likened.title_score + case when likened.is_same_place then 1 else likened.place_score end) / 3)::numeric,
            2
        ) as score,
        array[
            'same start',
            case when likened.title_score = 1 then 'same title' else 'similar title' end,
            case when likened.is_same_place or likened.place_score = 1 then 'same place' else 'similar place' end
        ] as reasons
    from likened
    where
        likened.is_candidate
        and not likened.is_uid
        and likened.title_score >= 0.6
        and (likened.is_same_place or likened.place_score >= 0.5)
),

alike_groups as (
    select
        unnest(one.ends) as id,
        case when one.first_calendar_id = other.first_calendar_id then other.second_id else other.first_id end as other_id,
        alike.score,
        alike.reasons
    from alike
    inner join groups as one on alike.number = one.number
    inner join groups as other on alike.other_number = other.number
    union all
    select
        unnest(other.ends) as id,
        case when one.first_calendar_id = other.first_calendar_id then one.second_id else one.first_id end as other_id,
        alike.score,
        alike.reasons
    from alike
    inner join groups as one on alike.number = one.number
    inner join groups as other on alike.other_number = other.number
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
    select
        same_group.id,
        same_group.other_id,
        1.0 as score,
        array['same start', 'same title', 'same place'] as reasons
    from same_group
    union all
    select * from alike_groups
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
