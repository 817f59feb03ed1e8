// Package onnx writes a network's forward pass as an ONNX model, opset 17, that other programs run.
//
// The pass is run twice, for two and for three items, while every operator that it calls is recorded. What depends on the input becomes
// nodes; what does not (interpolated tables of positions, masks, transposed kernels) is folded into constants; a size that differs between
// the two runs is a multiple of the batch and is computed from the input's shape. So the batch may have any size, and everything
// else is what the network did, not what somebody wrote down about it.
//
// An operator that has no counterpart here is an error that names it: nothing is approximated silently. Differences that remain are those of
// another program's arithmetic.
//
// Sources: onnx.proto of IR version 8 and Operators.md of ONNX 1.12.
package onnx
