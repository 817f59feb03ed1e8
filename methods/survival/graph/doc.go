// Package graph makes the losses of package survival part of an engine's graph, so that any network can learn from them.
//
// [Attach] turns a loss on slices into a scalar tensor; [FullBatch] gives a loss over everybody although the network sees batches. Package
// survival itself needs no engine.
package graph
