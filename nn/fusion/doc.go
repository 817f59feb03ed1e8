// Package fusion joins what a network sees in a picture with what a table says of the patient.
//
// A [Spec] sizes a [Fusion], which takes the features of a picture, [N, D], and reads the table's columns from the pass ([nn.Table]); its
// output, [N, Features], is what the heads see. Every way of joining is one [Kind].
//
// Promises: a missing number or category is told apart from every known one, and never imputed; in training, whole tables, whole pictures and
// single columns are left out at random, so that a network still answers where they are missing (after Neverova et al., "ModDrop", TPAMI
// 2016); without a table in the pass all its columns count as missing.
package fusion
