// Package run does the main job: a recipe goes in, and a folder with a planned, trained, evaluated, explained and reported model
// comes out.
//
// Nouns. A [Run] is a folder with its plan and data. Its stages are [Prepare] (fingerprint, plan), [Run.Train], [Run.Evaluate],
// [Run.Explain] and [Run.Report]; [Do] is all of them. [EvaluateOn] scores a finished run on other data; [Bundle], [BundleMONAI] and [ExportONNX] hand its
// networks on.
//
// A run's folder:
//
//	plan.yaml            everything that the run does, with the planner's reasons; running it repeats the run
//	fingerprint.json     what the planner saw of the data
//	splits.csv           which item went where
//	quarantine.json      what was left out and why
//	checkpoints/         weights: best.safetensors of a single model, fold-K.safetensors of each fold's
//	folds/K/             a fold's own training folder, where there are several
//	log.jsonl, events…   the training log and TensorBoard's form of it
//	mlflow.json          which run of an MLflow server this is, where the recipe names one
//	predictions.csv      a row a judged item
//	metrics.json         every metric with its interval; see docs/reference/metrics.md
//	explain/             maps with their tests, and tests.json: what the judged rows say of what the network goes by
//	audit.json           each group of people judged, where the recipe names groups; audit.html shows it
//	report.html          all of it on one page
//	trust.html           what to know before believing it, in five minutes
//	variants/NAME/       the same for every further way of dividing the data
//	evaluations/NAME/    the same for other data that the run was scored on
//
// Promises: a stage's outputs are whole or absent; repeating a command keeps what is done and goes on with what is not; a folder that
// holds a run of another plan is not touched.
package run
