// Package volume works on pictures and stacks together with the labels of their voxels: the same geometric change for both, patches,
// resampling, connected components and distances.
//
// Nouns: a [Volume] is an image [C, D, H, W] and labels [D, H, W] on one grid; a flat picture has D = 1. A [Warp] is one drawn way of
// sampling it. Labels are class indices; [Unknown] marks positions that nobody has labelled, or that lie outside.
//
// Promises: labels are never interpolated into classes that are not there; equal streams give equal patches; a volume is never changed
// by what reads it.
package volume
