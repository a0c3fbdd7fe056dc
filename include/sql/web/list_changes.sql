-- Changes of one calendar, the latest first: those that were applied; of one run also those that it planned or held.
-- Reads changes, runs. At most so many rows.
select
    changes.id,
    changes.action,
    changes.held,
    changes.event_id,
    changes.uid,
    changes.recurrence_id,
    changes.changed_columns,
    changes.before,
    changes.after,
    changes.run_id,
    runs.dag_id,
    runs.dag_run_id,
    runs.outcome,
    runs.finished_at as changed_at
from calimport.changes as changes
inner join calimport.runs as runs on changes.run_id = runs.id
where
    changes.calendar_id = %(id)s
    and coalesce(changes.id < %(before)s::bigint, true)
    and case
        when %(dag_run_id)s::text is null then runs.outcome = 'imported' and not changes.held
        else runs.dag_run_id = %(dag_run_id)s::text
    end
order by changes.id desc
limit %(most)s
