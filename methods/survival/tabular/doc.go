// Package tabular trains small networks on tables of patients with times to an event.
//
// [Settings] name a model of methods/survival and its choices; [Fit] trains it on [Data] through an engine with early stopping;
// [Model.Survival] predicts curves. The loop is written for small networks, where the cost of a step is the number of operator calls:
// shuffled rows, dropout masks and gradients live in buffers made once, the backward pass is written out, the loss runs on the host,
// and one optimiser step moves all parameters as one vector.
//
// Equal settings, data and seed give equal bytes on a CPU.
package tabular
