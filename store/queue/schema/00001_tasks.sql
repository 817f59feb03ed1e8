CREATE TABLE tasks (
  topic {{text}} NOT NULL,
  key {{text}} NOT NULL,
  payload {{bytes}} NOT NULL,
  state {{text}} NOT NULL,
  attempt BIGINT NOT NULL,
  due BIGINT NOT NULL,
  changed BIGINT NOT NULL,
  reason {{text}} NOT NULL,
  PRIMARY KEY (topic, key)
);
CREATE INDEX tasks_due ON tasks (topic, state, due);
