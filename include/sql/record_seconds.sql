-- Add how long a step took to the record of some runs. Writes: runs.
update calimport.runs as runs
set seconds = runs.seconds || jsonb_build_object(%(name)s::text, %(seconds)s::double precision)
where runs.id = any(%(run_ids)s::bigint[])
