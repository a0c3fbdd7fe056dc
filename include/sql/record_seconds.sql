-- Add how long a step took to the run's record. Writes: runs.
update calimport.runs as runs
set seconds = runs.seconds || jsonb_build_object(%(name)s::text, %(seconds)s::double precision)
where runs.id = %(run_id)s
