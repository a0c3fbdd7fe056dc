-- What a token that is not revoked grants. At most one row.
select
    export_tokens.secret_hash,
    export_tokens.format,
    case
        when export_tokens.calendar_id is not null then 'calendar'
        when export_tokens.user_id is not null then 'user'
        else 'place'
    end as scope,
    coalesce(export_tokens.calendar_id, export_tokens.user_id, export_tokens.place_id) as scope_id
from calimport.export_tokens
where export_tokens.id = %(id)s and export_tokens.revoked_at is null;
