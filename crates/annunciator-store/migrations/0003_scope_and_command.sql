-- What a notification needs when layers have conditions, and when it goes to an executable.

ALTER TABLE notifications ADD COLUMN conditions TEXT; -- JSON, null when there are none
ALTER TABLE notifications ADD COLUMN command TEXT;    -- JSON, null for messages
