ALTER TABLE studies ADD COLUMN hold {{text}} NOT NULL DEFAULT '';

ALTER TABLE studies ADD COLUMN name_key {{text}} NOT NULL DEFAULT '';
UPDATE studies SET name_key = UPPER(patient_name);
CREATE INDEX studies_name_key ON studies (name_key);

CREATE TABLE retired (
  study_uid {{text}} NOT NULL,
  at BIGINT NOT NULL,
  instances BIGINT NOT NULL,
  reason {{text}} NOT NULL,
  PRIMARY KEY (study_uid, at)
);
