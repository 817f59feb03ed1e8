DROP INDEX tasks_due;
CREATE INDEX tasks_due ON tasks (topic, state, due, key);
