-- A run whose feed is stored already: what extract would have recorded. No fetch, so that no later one counts as older.
-- Writes: runs.
update calimport.runs as runs
set
    step = 'extracted',
    feed_id = %(feed_id)s,
    force = %(force)s,
    dry_run = %(dry_run)s,
    window_start = %(window_start)s,
    window_end = %(window_end)s,
    timezone = %(timezone)s,
    timezone_source = %(timezone_source)s
where runs.id = %(run_id)s
