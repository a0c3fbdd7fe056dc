-- One action into the audit log.
-- Writes: audit_log. Row count: 1.
insert into calimport.audit_log (actor, action, calendar_id, run_id, detail)
values (%(actor)s, %(action)s, %(calendar_id)s, %(run_id)s, %(detail)s)
