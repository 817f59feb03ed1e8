// Package tabular trains small networks on tables of patients with times to an event.
//
// [Settings] name a model of methods/survival and its choices; [Fit] trains it on [Data] through an engine with early stopping;
// [Model.Survival] predicts curves. The loop is written for small networks, where calls cost more than arithmetic: shuffled rows, dropout
// masks and gradients live in buffers made once, a step is three calls ([torch.MLP] forward and backward, [torch.Adam]), and the loss
// between them runs on the host.
//
// Equal settings, data and seed give equal bytes on a CPU.
package tabular
