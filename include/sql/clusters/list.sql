-- The rows of the clusters that come next, cluster by cluster, the row that stands for it first.
with wanted as (
    select
        event_clusters.cluster_id,
        min(event_clusters.start_at) as first_start_at
    from calimport.event_clusters as event_clusters
    group by event_clusters.cluster_id
    order by min(event_clusters.start_at) < current_timestamp, min(event_clusters.start_at), event_clusters.cluster_id
    limit %(most)s
)

select
    event_clusters.*,
    calendars.name as calendar
from calimport.event_clusters as event_clusters
inner join wanted on event_clusters.cluster_id = wanted.cluster_id
inner join calimport.calendars as calendars on event_clusters.calendar_id = calendars.id
order by
    wanted.first_start_at < current_timestamp,
    wanted.first_start_at,
    event_clusters.cluster_id,
    not event_clusters.is_canonical,
    event_clusters.event_id
