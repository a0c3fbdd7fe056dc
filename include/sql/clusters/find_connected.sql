-- All pairs among the clusters that these rows belonged to, or belong to by a pair of theirs.
-- Reads: event_matches, event_cluster_members.
with own as (
    select given.event_id from unnest(%(event_ids)s::bigint[]) as given (event_id)
),

affected as (
    select own.event_id from own
    union
    select event_cluster_members.event_id
    from calimport.event_cluster_members as event_cluster_members
    where event_cluster_members.cluster_id in (
        select its_own.cluster_id
        from calimport.event_cluster_members as its_own
        inner join own on its_own.event_id = own.event_id
    )
)

select
    affected.event_id,
    event_matches.other_event_id
from affected
left join calimport.event_matches as event_matches on affected.event_id = event_matches.event_id
