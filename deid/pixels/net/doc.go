// Package net runs small fully convolutional networks in pure Go: what finds text and the scanning sector needs no engine.
//
// A [Network] is a list of [Layer]s read from a file of weights with [Read]; [Network.Run] takes planes of samples and gives planes of
// outputs at the network's stride. Weights are made by the training programs under bench/ and stored with batch normalisation folded in.
//
// The same input gives the same bits on every machine: each output is summed in one fixed order in single precision, multiplication and
// addition rounded apart, so that the eight-lane AVX loop, the plain Go loop and another architecture agree to the last bit.
package net
