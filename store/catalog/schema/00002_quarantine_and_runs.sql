CREATE TABLE quarantine (
  digest {{text}} PRIMARY KEY REFERENCES objects,
  size BIGINT NOT NULL,
  code {{text}} NOT NULL,
  reason {{text}} NOT NULL,
  run {{text}} NOT NULL,
  origin {{text}} NOT NULL,
  rules {{text}} NOT NULL,
  received BIGINT NOT NULL
);

CREATE TABLE runs (
  run {{text}} PRIMARY KEY,
  source {{text}} NOT NULL,
  rules {{text}} NOT NULL,
  started BIGINT NOT NULL,
  finished BIGINT NOT NULL,
  summary JSONB NOT NULL
);

CREATE TABLE seen (
  origin {{text}} PRIMARY KEY,
  size BIGINT NOT NULL,
  modified BIGINT NOT NULL,
  outcome {{text}} NOT NULL,
  reason {{text}} NOT NULL,
  digest {{text}} NOT NULL,
  run {{text}} NOT NULL
);
CREATE INDEX seen_digest ON seen (digest);
