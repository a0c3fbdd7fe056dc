-- Rows that some runs said are to stay are the feed's again. Writes: kept_rows.
delete from calimport.kept_rows as kept_rows
using calimport.runs as runs
where
    runs.id = any(%(run_ids)s)
    and runs.keeps_rows
    and kept_rows.run_id = runs.id
