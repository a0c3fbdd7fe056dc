-- A new token of one export. One row: its id.
insert into calimport.export_tokens (calendar_id, user_id, place_id, format, secret_hash, created_at)
values (%(calendar_id)s, %(user_id)s, %(place_id)s, %(format)s, %(secret_hash)s, %(now)s)
returning id;
