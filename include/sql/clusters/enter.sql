-- Put rows into clusters. Writes: event_cluster_members. Row count: that of the arrays.
insert into calimport.event_cluster_members (event_id, cluster_id, members)
select
    found.event_id,
    found.cluster_id,
    found.members
from unnest(%(event_ids)s::bigint[], %(cluster_ids)s::bigint[], %(members)s::integer[])
    as found (event_id, cluster_id, members)
