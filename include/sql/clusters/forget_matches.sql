-- Forget with what these rows matched. Writes: event_matches.
delete from calimport.event_matches as event_matches
using unnest(%(event_ids)s::bigint[]) as touched (event_id)
where touched.event_id in (event_matches.event_id, event_matches.other_event_id)
