// Package nn builds networks over torch: modules with torch's own parameter names, initialisation, state dicts, and what a network costs.
//
// Nouns. A [Module] computes one tensor from one tensor and owns [Param]s: learnt parameters and buffers (running statistics). A
// [Chain] runs named modules in turn; a dotted path of such names ("layer1.0.conv1.0.weight") is a parameter's name, the same that
// torch gives it, so that weights move between the two without a table. A [Pass] is one run through a network: it says whether
// statistics are learnt, and captures activations by module name.
//
// Promises. A network exists before any engine does: [Count] gives its parameters, multiply-adds and activations from shapes alone.
// [Materialise] fills it with values that depend on the seed and each parameter's name only, not on the order of anything. [Load]
// reports every key that it matched, folded, left or did not know. A module is used by one engine's goroutine.
package nn
