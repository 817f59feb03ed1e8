// Package explain draws what a network looked at, and tests the drawing before anyone may see it.
//
// A [Map] is relevance over an input's frames, rows and columns. [GradCAM] makes one from a layer's activations and gradients,
// [Occlusion] from the fall of the score when windows are masked. No map is handed out alone: [Examine] runs three tests and gives a
// [Verdict] in words:
//
//   - the region test: is masking the highlighted region worse than masking the same shape elsewhere?
//   - the randomisation test (Adebayo et al. 2018): does the map change when the network's weights are random?
//   - the edge test: is the map only an edge detector of the input?
//
// Everything here works on slices through a [ScoreFunc]: no files, no network, no engine.
package explain
