-- Let a token grant nothing. Row count: 1, or 0 where there is no such token or it is revoked already.
update calimport.export_tokens
set revoked_at = %(now)s
where id = %(id)s and revoked_at is null;
