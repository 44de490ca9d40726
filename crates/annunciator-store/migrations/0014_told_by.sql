-- Which event tells an incident for the first time: if its plan tells nobody, it was not told.

ALTER TABLE incidents ADD COLUMN told_by BLOB;  -- uid of the event, null when none does
UPDATE incidents SET told_by = uid WHERE told = 1;
CREATE INDEX incidents_told_by ON incidents (told_by) WHERE told_by IS NOT NULL;
