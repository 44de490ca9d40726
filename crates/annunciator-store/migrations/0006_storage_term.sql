-- How long an event is kept, where a layer of the settings said so when it was planned.

ALTER TABLE plans ADD COLUMN term_days INTEGER;
CREATE INDEX plans_term ON plans (term_days) WHERE term_days IS NOT NULL;
