// Package learn plans, trains, keeps and applies networks.
//
// Nouns. A [Plan] says everything that a run does; a recipe is a plan with gaps, which [FillPlan] fills from the cohort's fingerprint,
// a reason each. [Train] turns a plan and a fold into checkpoints; [Predict] turns checkpoints and rows into scores. An [Observer] is told
// of a training, line by line, and has no part in it.
//
// Promises.
//   - Equal plan, data and thread count give equal bytes on CPU. Nothing random has a state of its own: every draw comes from a stream
//     named by the seed, the epoch and the step or item.
//   - A run that was interrupted at any moment, also by kill -9, goes on from its last checkpoint, and its curve is bit for bit that
//     of a run that never stopped.
//   - A checkpoint is whole or absent, carries a digest of its values, and is refused when the plan that made it differs in
//     anything that training depends on.
//   - A loss that is not a number stops the run and names the step and the items.
//
// A run's folder holds checkpoints/best.safetensors (weights for prediction, torchvision's names), checkpoints/last.safetensors
// (everything that going on needs), log.jsonl (a line a step and an epoch) and events.out.tfevents.* for TensorBoard.
package learn
