-- One page of the calendars that the filters let through, and how many there are of each state and kind.
-- Reads calendars, users, partners, places, freshness, notices, runs, events. One row: two objects of counts, an array of calendars.
-- Of a source only the host is searched: a path may be a secret that nobody shall be able to guess bit by bit.
-- Counts by state leave out the filter by state, those by kind the filter by kind: they are what one can choose from.
with noticed as (
    select
        notices.calendar_id,
        count(*) as notices
    from calimport.notices as notices
    group by notices.calendar_id
),

of_run as (
    select distinct on (runs.calendar_id)
        runs.calendar_id,
        runs.outcome,
        runs.inserted,
        runs.updated,
        runs.deleted,
        runs.held,
        runs.error_message
    from calimport.runs as runs
    where runs.dag_id = %(dag_id)s and runs.dag_run_id = %(dag_run_id)s
    order by runs.calendar_id asc, runs.attempt desc
),

described as (
    select
        calendars.id,
        calendars.name,
        coalesce(calendars.kind_used, calendars.kind) as kind,
        case when calendars.enabled then calendars.state else 'paused' end as state,
        users.name as user_name,
        calendars.error_message,
        calendars.consecutive_failures,
        calendars.next_import_at,
        calendars.fetched_at,
        calendars.imported_at,
        calendars.changed_at,
        calendars.held_run_id,
        coalesce(noticed.notices, 0) as notices,
        freshness.fresh_at,
        extract(epoch from freshness.target)::bigint as target,
        coalesce(freshness.is_late, false) as is_late
    from calimport.calendars as calendars
    left join calimport.users as users on calendars.user_id = users.id
    left join calimport.partners as partners on calendars.organiser_id = partners.id
    left join calimport.places as places on calendars.place_id = places.id
    left join calimport.freshness as freshness on calendars.id = freshness.calendar_id
    left join noticed on calendars.id = noticed.calendar_id
    where
        (%(user_ids)s::bigint[] is null or calendars.user_id = any(%(user_ids)s::bigint[]))
        and (
            %(pattern)s::text is null
            or calendars.name ilike %(pattern)s::text
            or calendars.feed_title ilike %(pattern)s::text
            or users.name ilike %(pattern)s::text
            or partners.name ilike %(pattern)s::text
            or places.name ilike %(pattern)s::text
            or split_part(split_part(calendars.source, '/', 3), '@', -1) ilike %(pattern)s::text
        )
        and (%(dag_run_id)s::text is null or calendars.id in (select of_run.calendar_id from of_run))
),

filtered as (
    select
        described.*,
        coalesce(described.state = any(%(states)s::text[]), true) as is_of_state,
        coalesce(described.kind = %(kind)s::text, true) as is_of_kind,
        case %(sort)s::text
            when 'name' then lower(described.name)
            when 'kind' then described.kind
        end as sort_text,
        case %(sort)s::text
            -- What needs a person comes first.
            when 'state'
                then array_position(
                    '{bad_source,error,in_worker,in_queue,idle,paused}'::text[], described.state
                )::double precision
            when 'next' then extract(epoch from coalesce(described.next_import_at, '-infinity'))::double precision
            when 'fresh' then extract(epoch from described.fresh_at)::double precision
            when 'fetched' then extract(epoch from described.fetched_at)::double precision
            when 'imported' then extract(epoch from described.imported_at)::double precision
            when 'changed' then extract(epoch from described.changed_at)::double precision
            when 'notices' then described.notices::double precision
        end as sort_number
    from described
    where
        case %(shown_only)s::text
            when 'notices' then described.notices > 0
            when 'held' then described.held_run_id is not null
            when 'late' then described.is_late
            else true
        end
),

counted as (
    select
        filtered.state,
        filtered.kind,
        filtered.is_of_state,
        filtered.is_of_kind,
        count(*) as calendars
    from filtered
    group by filtered.state, filtered.kind, filtered.is_of_state, filtered.is_of_kind
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
        lower(filtered.name) asc,
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
        page.id,
        page.name,
        page.kind,
        page.state,
        page.user_name,
        page.error_message,
        page.consecutive_failures,
        page.next_import_at,
        page.fetched_at,
        page.imported_at,
        page.changed_at,
        page.notices,
        page.fresh_at,
        page.target,
        page.is_late,
        (
            select count(*)
            from calimport.events as events
            where events.calendar_id = page.id
        ) as events,
        (
            select runs.held
            from calimport.runs as runs
            where runs.id = page.held_run_id
        ) as held,
        case when of_run.calendar_id is not null then to_jsonb(of_run) - 'calendar_id' end as run
    from page
    left join of_run on page.id = of_run.calendar_id
)

select
    (
        select coalesce(jsonb_object_agg(of_state.state, of_state.calendars), '{}')
        from (
            select
                counted.state,
                sum(counted.calendars) as calendars
            from counted
            where counted.is_of_kind
            group by counted.state
        ) as of_state
    ) as states,
    (
        select coalesce(jsonb_object_agg(of_kind.kind, of_kind.calendars), '{}')
        from (
            select
                counted.kind,
                sum(counted.calendars) as calendars
            from counted
            where counted.is_of_state
            group by counted.kind
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
