-- Whose rows an Airflow user may read and write through the Store API.

alter table calimport.users add column airflow_users text;
comment on column calimport.users.airflow_users is 'Airflow users, separated by a comma and a blank, who may read and write this person''s rows where CALIMPORT_STORE_ROWS is own.';
