-- How many rows are staged for a run. Reads: staged_events.
select count(*) as rows
from calimport.staged_events as staged_events
where staged_events.run_id = %(run_id)s
