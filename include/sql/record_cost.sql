-- Record what a fetch cost that failed.
-- Writes: runs.
update calimport.runs as runs
set
    requests = %(requests)s,
    bytes_received = %(bytes_received)s
where runs.id = %(run_id)s
