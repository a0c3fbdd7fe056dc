-- The rows whose clusters are to be found anew: those that runs inserted or updated since the last time, those that are
-- named, those of clusters that have lost a row, and whoever is in a cluster with one of them.
-- Of runs only so many that their rows fit into memory, the earliest first, and one in any case.
-- Reads: changes, events, event_cluster_members. Reads and writes: runs.
with waiting as (
    select
        runs.id,
        -- Runs of the first schemas have no counts.
        coalesce(
            sum(coalesce(runs.inserted, 0) + coalesce(runs.updated, 0))
                over (order by runs.id rows between unbounded preceding and 1 preceding),
            0
        ) as rows_before
    from calimport.runs as runs
    where runs.outcome = 'imported' and not runs.clustered
),

imported as (
    update calimport.runs as runs
    set clustered = true
    from waiting
    where runs.id = waiting.id and waiting.rows_before < %(most_rows)s
    returning runs.id
),

incomplete as (
    select event_cluster_members.cluster_id
    from calimport.event_cluster_members as event_cluster_members
    group by event_cluster_members.cluster_id
    having count(*) <> min(event_cluster_members.members)
),

seeds as (
    select changes.event_id
    from calimport.changes as changes
    inner join imported on changes.run_id = imported.id
    where changes.action <> 'delete'
    union
    select named.event_id from unnest(%(event_ids)s::bigint[]) as named (event_id)
),

its_clusters as (
    select event_cluster_members.cluster_id
    from calimport.event_cluster_members as event_cluster_members
    inner join seeds on event_cluster_members.event_id = seeds.event_id
    union
    select incomplete.cluster_id from incomplete
),

touched as (
    select seeds.event_id from seeds
    union
    select event_cluster_members.event_id
    from calimport.event_cluster_members as event_cluster_members
    inner join its_clusters on event_cluster_members.cluster_id = its_clusters.cluster_id
)

select
    touched.event_id,
    events.start_at
from touched
inner join calimport.events as events on touched.event_id = events.id
order by events.start_at, touched.event_id
