-- What is kept of private events, and of the people of all others: a calendar's own choice.

alter table calimport.calendars add column private_events text not null default 'skip'
check (private_events in ('skip', 'busy'));
alter table calimport.calendars add column attendees_policy text not null default 'keep'
check (attendees_policy in ('keep', 'mask', 'hash', 'drop'));
alter table calimport.calendars add column organizer_policy text not null default 'keep'
check (organizer_policy in ('keep', 'mask', 'hash', 'drop'));
alter table calimport.calendars add column description_policy text not null default 'keep'
check (description_policy in ('keep', 'mask', 'hash', 'drop'));
comment on column calimport.calendars.private_events is 'Private, confidential and marked events: skip, or busy (kept with nothing but their time).';
comment on column calimport.calendars.attendees_policy is 'What is kept of attendees: keep, mask, hash or drop.';
comment on column calimport.calendars.organizer_policy is 'What is kept of organizer and creator: keep, mask, hash or drop.';
comment on column calimport.calendars.description_policy is 'What is kept of descriptions: keep, mask, hash or drop.';
