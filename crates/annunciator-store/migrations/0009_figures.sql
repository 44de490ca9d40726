-- What happened, counted where it was committed: rows of five minutes.

CREATE TABLE figures (
  bucket INTEGER NOT NULL,       -- five minutes since 1970
  name INTEGER NOT NULL,         -- 0 accepted, 1 attempts, 2 delivered, 3 failed, 4 transient,
                                 -- 5 limited, 6 silenced
  word TEXT NOT NULL,            -- the severity of what was accepted, the channel of the rest
  count INTEGER NOT NULL,
  PRIMARY KEY (bucket, name, word)
) WITHOUT ROWID;
