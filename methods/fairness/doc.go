// Package fairness measures differences between groups of people and supplies losses, weights and searches that reduce them.
//
// Everything works on plain slices: y and pred hold 0 or 1, group holds whole numbers from 0, one element a row; lengths and ranges are
// checked, and a mistake of the caller panics with words. A difference is the largest minus the smallest value over the groups, a ratio the
// smallest over the largest. Nothing here knows a network.
//
// # Nouns
//
// [Rates] of a group and the gaps between them ([Gap], [EqualizedOdds]); scores by group ([ScoreGroup], [BGN]); inequality over people
// ([Entropy]).
//
// A [Constraint] names what is to be equal; its [Moment] is linear in the answers, which is what the reductions of Agarwal et al. 2018
// need: [ExponentiatedGradient] finds a randomised classifier within twice its gap of the best, [GridSearch] a plain one. An [Oracle] is
// whatever learns from labels and weights, a deep network too. [OptimiseThresholds] (Hardt et al. 2016) works on scores alone and needs
// the group of whoever it judges. [OptimalMixture] is the exact answer for a finite class, to check the others by.
//
// In training by batches: [Pressure] (a constraint with memory, as penalty or with multipliers), [UpdateDRO] and [UpdateBounds] (losses of
// groups), [Reweigh], [InvariantRisk], [MMD], [HSIC], [Adversary]. Their gradients are analytic and tested against differences; the trainer
// attaches them to its graph.
//
// Package linear fits logistic regression with weights; package bench runs it all on public tables beside the reference's numbers.
package fairness
