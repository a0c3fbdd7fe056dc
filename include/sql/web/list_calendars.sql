-- One page of the calendars that the filters let through, and how many there are of each state and kind.
-- Reads calendars, users, partners, places, freshness, notices, runs, events. One row: two objects of counts, the total,
-- an array of calendars.
-- Of a source only the host is searched: a path may be a secret that nobody shall be able to guess bit by bit.
-- Counts by state leave out the filter by state, those by kind the filter by kind: they are what one can choose from.
-- What is found of all calendars is narrow; the rest is looked up for those that are shown.
with described as (
    select
        calendars.*,
        coalesce(calendars.kind_used, calendars.kind) as shown_kind,
        case when calendars.enabled then calendars.state else 'paused' end as shown_state,
        lower(calendars.name) as folded_name
    from calimport.calendars as calendars
    where
        (%(user_ids)s::bigint[] is null or calendars.user_id = any(%(user_ids)s::bigint[]))
        and (
            %(pattern)s::text is null
            or calendars.name ilike %(pattern)s::text
            or calendars.feed_title ilike %(pattern)s::text
            or split_part(split_part(calendars.source, '/', 3), '@', -1) ilike %(pattern)s::text
            or calendars.user_id in (
                select users.id from calimport.users as users
                where users.name ilike %(pattern)s::text
            )
            or calendars.organiser_id in (
                select partners.id from calimport.partners as partners
                where partners.name ilike %(pattern)s::text
            )
            or calendars.place_id in (
                select places.id from calimport.places as places
                where places.name ilike %(pattern)s::text
            )
        )
        and (
            %(dag_run_id)s::text is null
            or calendars.id in (
                select runs.calendar_id from calimport.runs as runs
                where runs.dag_id = %(dag_id)s and runs.dag_run_id = %(dag_run_id)s
            )
        )
        and case %(shown_only)s::text
            when 'held' then calendars.held_run_id is not null
            when 'notices' then calendars.id in (select notices.calendar_id from calimport.notices as notices)
            when 'late'
                then
                    calendars.id in (
                        select freshness.calendar_id from calimport.freshness as freshness
                        where freshness.is_late
                    )
            else true
        end
),

filtered as (
    select
        described.id,
        described.folded_name,
        described.shown_state,
        described.shown_kind,
        coalesce(described.shown_state = any(%(states)s::text[]), true) as is_of_state,
        coalesce(described.shown_kind = %(kind)s::text, true) as is_of_kind,
        case %(sort)s::text
            when 'name' then described.folded_name
            when 'kind' then described.shown_kind
        end as sort_text,
        case %(sort)s::text
            -- What needs a person comes first.
            when 'state'
                then array_position(
                    '{bad_source,error,in_worker,in_queue,idle,paused}'::text[], described.shown_state
                )::double precision
            when 'next' then date_part('epoch', coalesce(described.next_import_at, '-infinity'))
            when 'fresh' then date_part('epoch', described.fresh_at)
            when 'fetched' then date_part('epoch', described.fetched_at)
            when 'imported' then date_part('epoch', described.imported_at)
            when 'changed' then date_part('epoch', described.changed_at)
            when 'notices' then (
                select count(*)
                from calimport.notices as notices
                where notices.calendar_id = described.id
            )::double precision
        end as sort_number
    from described
),

counted as (
    select
        filtered.shown_state,
        filtered.shown_kind,
        filtered.is_of_state,
        filtered.is_of_kind,
        count(*) as calendars
    from filtered
    group by filtered.shown_state, filtered.shown_kind, filtered.is_of_state, filtered.is_of_kind
),

ordered as (
    select filtered.*
    from filtered
    where filtered.is_of_state and filtered.is_of_kind
    order by
        case when %(descending)s then filtered.sort_text end desc nulls last,
        case when not %(descending)s then filtered.sort_text end asc nulls last,
        case when %(descending)s then filtered.sort_number end desc nulls last,
        case when not %(descending)s then filtered.sort_number end asc nulls last,
        filtered.folded_name asc,
        filtered.id asc
    limit %(most)s offset %(skipped)s
),

page as (
    select
        ordered.*,
        row_number() over () as place
    from ordered
),

shown as (
    select
        page.place,
        calendars.id,
        calendars.name,
        page.shown_kind as kind,
        page.shown_state as state,
        users.name as user_name,
        calendars.error_message,
        calendars.consecutive_failures,
        calendars.next_import_at,
        calendars.fresh_at,
        calendars.fetched_at,
        calendars.imported_at,
        calendars.changed_at,
        date_part('epoch', freshness.target) as target,
        coalesce(freshness.is_late, false) as is_late,
        held_run.held,
        (
            select count(*)
            from calimport.notices as notices
            where notices.calendar_id = calendars.id
        ) as notices,
        (
            select count(*)
            from calimport.events as events
            where events.calendar_id = calendars.id
        ) as events,
        (
            select
                jsonb_build_object(
                    'outcome', runs.outcome,
                    'inserted', runs.inserted,
                    'updated', runs.updated,
                    'deleted', runs.deleted,
                    'held', runs.held,
                    'error_message', runs.error_message
                )
            from calimport.runs as runs
            where
                runs.dag_id = %(dag_id)s
                and runs.dag_run_id = %(dag_run_id)s
                and runs.calendar_id = calendars.id
            order by runs.attempt desc
            limit 1
        ) as run
    from page
    inner join calimport.calendars as calendars on page.id = calendars.id
    left join calimport.users as users on calendars.user_id = users.id
    left join calimport.runs as held_run on calendars.held_run_id = held_run.id
    -- The limit keeps the view from being computed for all calendars.
    left join lateral (
        select
            freshness.target,
            freshness.is_late
        from calimport.freshness as freshness
        where freshness.calendar_id = calendars.id
        order by freshness.calendar_id asc
        limit 1
    ) as freshness on true
)

select
    (
        select coalesce(jsonb_object_agg(of_state.shown_state, of_state.calendars), '{}')
        from (
            select
                counted.shown_state,
                sum(counted.calendars) as calendars
            from counted
            where counted.is_of_kind
            group by counted.shown_state
        ) as of_state
    ) as states,
    (
        select coalesce(jsonb_object_agg(of_kind.shown_kind, of_kind.calendars), '{}')
        from (
            select
                counted.shown_kind,
                sum(counted.calendars) as calendars
            from counted
            where counted.is_of_state
            group by counted.shown_kind
        ) as of_kind
    ) as kinds,
    (
        select coalesce(sum(counted.calendars), 0)::bigint
        from counted
        where counted.is_of_state and counted.is_of_kind
    ) as total,
    (
        select coalesce(jsonb_agg(to_jsonb(shown) - 'place' order by shown.place), '[]')
        from shown
    ) as calendars
