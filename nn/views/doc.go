// Package views joins what a network sees in the clips of one study: an echocardiogram is several views of one heart, and rarely all of them
// are there.
//
// A [Spec] says which slots a study has, which view each slot holds, and how they are joined: every way is one [Kind]. A [Join] takes the
// features of the clips that are present, [M, D], and which slots they are of from the pass ([nn.Views]); its output, [N, Features], is what the heads
// see. [Trunks] are backbones of their own for each view.
//
// Promises: what stands in a slot that is not present changes nothing, not even batch statistics, because it is never computed; the order of
// slots does not matter as long as each clip keeps the name of its view, whatever the kind; a study with one clip is answered as well
// as one with all; the weights of a study's clips, where asked for, sum to 1.
package views
