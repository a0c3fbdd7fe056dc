-- Where only what changed differs between two versions of a feed, the next one is compared byte by byte.

alter table calimport.feeds add column stamps_stay boolean;
comment on column calimport.feeds.stamps_stay is 'Whether the events that had not changed came with the same DTSTAMP, LAST-MODIFIED and CREATED as before, so that the next version means the same only where all its bytes are the same; null: nobody looked.';
comment on column calimport.feeds.meaning_hash is 'SHA-256 of the bytes without what producers rewrite at every request (DTSTAMP); of all of them where it is known that the producer does not (stamps_stay of the feed before).';
