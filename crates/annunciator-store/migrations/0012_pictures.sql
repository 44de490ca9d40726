-- Pictures within messages.

ALTER TABLE notifications ADD COLUMN picture_id TEXT;  -- Content-ID, null when there is no picture
ALTER TABLE notifications ADD COLUMN picture BLOB;     -- PNG
