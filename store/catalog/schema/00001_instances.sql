CREATE TABLE objects (
  digest {{text}} PRIMARY KEY,
  size BIGINT NOT NULL,
  state {{text}} NOT NULL,
  added BIGINT NOT NULL,
  checked BIGINT NOT NULL
);

CREATE TABLE studies (
  study_uid {{text}} PRIMARY KEY,
  patient_id {{text}} NOT NULL,
  patient_name {{text}} NOT NULL,
  birth_date {{text}} NOT NULL,
  sex {{text}} NOT NULL,
  study_date {{text}} NOT NULL,
  study_time {{text}} NOT NULL,
  accession_number {{text}} NOT NULL,
  attrs JSONB NOT NULL,
  first_received BIGINT NOT NULL,
  last_received BIGINT NOT NULL
);
CREATE INDEX studies_patient ON studies (patient_id);
CREATE INDEX studies_name ON studies (patient_name);
CREATE INDEX studies_date ON studies (study_date, study_uid);
CREATE INDEX studies_accession ON studies (accession_number);

CREATE TABLE series (
  study_uid {{text}} NOT NULL REFERENCES studies ON DELETE CASCADE,
  series_uid {{text}} NOT NULL,
  modality {{text}} NOT NULL,
  series_number BIGINT NOT NULL,
  attrs JSONB NOT NULL,
  PRIMARY KEY (study_uid, series_uid)
);
CREATE INDEX series_uids ON series (series_uid);

CREATE TABLE instances (
  sop_instance_uid {{text}} NOT NULL,
  variant BIGINT NOT NULL,
  study_uid {{text}} NOT NULL,
  series_uid {{text}} NOT NULL,
  sop_class_uid {{text}} NOT NULL,
  transfer_syntax_uid {{text}} NOT NULL,
  digest {{text}} NOT NULL REFERENCES objects,
  data_set {{text}} NOT NULL,
  size BIGINT NOT NULL,
  instance_number BIGINT NOT NULL,
  attrs JSONB NOT NULL,
  run {{text}} NOT NULL,
  origin {{text}} NOT NULL,
  rules {{text}} NOT NULL,
  received BIGINT NOT NULL,
  PRIMARY KEY (sop_instance_uid, variant),
  FOREIGN KEY (study_uid, series_uid) REFERENCES series ON DELETE CASCADE
);
CREATE INDEX instances_series ON instances (study_uid, series_uid, instance_number);
CREATE INDEX instances_digest ON instances (digest);
CREATE INDEX instances_conflicts ON instances (variant) WHERE variant > 0;

CREATE TABLE disagreements (
  study_uid {{text}} NOT NULL REFERENCES studies ON DELETE CASCADE,
  series_uid {{text}} NOT NULL,
  keyword {{text}} NOT NULL,
  kept {{text}} NOT NULL,
  other {{text}} NOT NULL,
  sop_instance_uid {{text}} NOT NULL,
  rule {{text}} NOT NULL,
  PRIMARY KEY (study_uid, series_uid, keyword, other)
);
