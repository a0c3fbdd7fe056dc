-- Tables of which rows come and go, or are rewritten, keep their size.

-- What was staged is deleted once it was applied. Its room is to be free again for the next run, and not only after a share
-- of a table that once was large; and vacuuming what nobody reads any more need not be slowed down.
alter table calimport.staged_events set (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_insert_threshold = -1,
    autovacuum_vacuum_cost_delay = 0,
    toast.autovacuum_vacuum_scale_factor = 0,
    toast.autovacuum_vacuum_threshold = 1000,
    toast.autovacuum_vacuum_cost_delay = 0
);
alter table calimport.staged_notices set (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_insert_threshold = -1
);
alter table calimport.staged_uids set (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_insert_threshold = -1
);

-- A run's row is rewritten by each of its steps.
alter table calimport.runs set (fillfactor = 70);
