// Package mlflow tells an MLflow tracking server of a training, over its documented REST API (2.0), and never stands in the training's way.
//
// A [Run] takes metrics into a bounded queue and returns at once; one goroutine of its own finds or makes the experiment and the run, and
// sends what has gathered in batches. A server that is slow, away or refuses is tried again with growing pauses, and said to be away once;
// meanwhile the queue keeps the newest points and counts those that it let go. Ending a run waits for what is left, for a while.
//
// What is sent is what the caller hands over: numbers, and words about the plan. The token goes into the Authorization header and nowhere
// else: not into an error, a log or a file.
//
// Source: MLflow documentation, "REST API": experiments/get-by-name, experiments/create, runs/create, runs/update, runs/log-batch and its limits.
package mlflow
