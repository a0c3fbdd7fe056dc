-- How far ahead a source publishes, where its list may go on beyond what it showed.
alter table calimport.runs add column published_until timestamptz;

comment on column calimport.runs.published_until is 'The start of the last event listed, where the list may go on beyond it; null: it is whole. Of what starts then or later, absence proves nothing.';
