-- The next import of a feed looks only at the events that changed, where each can be read by itself: that is remembered.

alter table calimport.runs add column events_apart boolean;
comment on column calimport.runs.events_apart is 'Whether each VEVENT of the run''s feed can be read by itself, so that the next import may look only at those that changed; null: it is no iCalendar feed, or nobody knows.';
comment on column calimport.feed_contents.body is 'The bytes, compressed with Zstandard; those stored before migration 0024 with zlib.';
