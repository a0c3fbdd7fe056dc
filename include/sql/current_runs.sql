-- The last attempt of each of these calendars in a DAG run, with the calendar's configuration and what is known of its
-- feed. A feed that came from another source than the calendar has now is not its feed.
-- Reads: runs, calendars, feeds, places.
select distinct on (runs.calendar_id)
    runs.id as run_id,
    runs.step,
    runs.outcome,
    runs.error_message,
    runs.as_of,
    runs.requested_start,
    runs.requested_end,
    runs.force,
    runs.dry_run,
    runs.feed_id as run_feed_id,
    runs.fetched_at,
    runs.window_start,
    runs.window_end,
    runs.timezone as run_timezone,
    runs.timezone_source,
    runs.rows_staged,
    calendars.id as calendar_id,
    calendars.name,
    calendars.source,
    calendars.kind,
    calendars.connection_id,
    calendars.timezone,
    calendars.activity_type,
    calendars.strategy,
    calendars.private_events,
    calendars.attendees_policy,
    calendars.organizer_policy,
    calendars.description_policy,
    calendars.default_reminders,
    calendars.place_id,
    calendars.days_back,
    calendars.days_ahead,
    calendars.fetched_at as calendar_fetched_at,
    calendars.imported_fingerprint,
    calendars.held_confirmations,
    calendars.held_run_id,
    calendars.hold_deletes_over,
    calendars.hold_deletes_ratio,
    calendars.hold_deletes_most,
    calendars.uid_sample,
    calendars.feed_retention,
    feeds.id as feed_id,
    feeds.kind as feed_kind,
    feeds.meaning_hash as feed_meaning_hash,
    -- A delta's is not that of the feed.
    case when feeds.base_feed_id is null then feeds.content_hash end as feed_content_hash,
    feeds.stamps_stay as feed_stamps_stay,
    feeds.validators as feed_validators,
    feeds.timezone as feed_timezone,
    feeds.complete_at as feed_complete_at,
    -- All of the place that rows follow from: it is part of the fingerprint.
    concat_ws(', ', places.address, places.postcode, places.country) as place_address
from calimport.runs as runs
inner join calimport.calendars as calendars on runs.calendar_id = calendars.id
left join calimport.feeds as feeds
    on
        calendars.feed_id = feeds.id
        and calendars.source is not distinct from feeds.source
        and calendars.connection_id is not distinct from feeds.connection_id
left join calimport.places as places on calendars.place_id = places.id
where
    runs.dag_id = %(dag_id)s
    and runs.dag_run_id = %(dag_run_id)s
    and runs.calendar_id = any(%(calendar_ids)s)
order by runs.calendar_id asc, runs.attempt desc
