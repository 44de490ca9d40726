-- Who gave a user the password: it does not outlive a role that this one could not give.

ALTER TABLE users ADD COLUMN password_giver TEXT;  -- owner of the identity; null: the user's own
