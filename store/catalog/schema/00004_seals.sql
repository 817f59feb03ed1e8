ALTER TABLE objects ADD COLUMN seal {{text}} NOT NULL DEFAULT '';
