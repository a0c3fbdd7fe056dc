-- Take these rows out of their clusters. Writes: event_cluster_members.
delete from calimport.event_cluster_members as event_cluster_members
using unnest(%(event_ids)s::bigint[]) as affected (event_id)
where event_cluster_members.event_id = affected.event_id
