-- Every token with the name of what it grants, without its secret, by id.
select
    export_tokens.id,
    case
        when export_tokens.calendar_id is not null then 'calendar'
        when export_tokens.user_id is not null then 'user'
        else 'place'
    end as scope,
    coalesce(calendars.name, users.name, places.name) as name,
    export_tokens.format,
    export_tokens.created_at,
    export_tokens.revoked_at
from calimport.export_tokens
left join calimport.calendars on export_tokens.calendar_id = calendars.id
left join calimport.users on export_tokens.user_id = users.id
left join calimport.places on export_tokens.place_id = places.id
order by export_tokens.id asc;
