-- Feeds that hold only what changed since another one, and how long a feed is fresh by its own word.

alter table calimport.feeds add column base_feed_id bigint references calimport.feeds (id) on delete cascade;
alter table calimport.feeds add constraint feeds_base_is_another check (base_feed_id <> id);
create index feeds_base_feed_id on calimport.feeds (base_feed_id);
comment on column calimport.feeds.base_feed_id is 'The feed that this one is a delta to, and without which it is nothing; null: it is complete in itself.';

alter table calimport.feeds add column complete_at timestamptz;
update calimport.feeds set complete_at = fetched_at;
alter table calimport.feeds alter column complete_at set not null;
comment on column calimport.feeds.complete_at is 'When the source last gave the whole calendar, and not only what had changed.';

alter table calimport.runs add column fresh_for interval check (fresh_for >= interval '0');
comment on column calimport.runs.fresh_for is 'How long what was fetched stays as it is, by its own word (Cache-Control); null: it did not say.';
