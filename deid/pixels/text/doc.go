// Package text finds writing in pictures. It does not read it.
//
// A [Picture] is an 8-bit view of a frame: value and saturation. [Detect] runs a small convolutional network over it (weights in
// weights/text.net, made by bench/deidtrain; they are part of the program) at full and at half size, joins cells that look like writing into
// [Box]es, and gives each the strength of its best cell. It favours finding too much over missing a string: limits are set on recall.
//
// The answer depends on the picture only and is the same on every machine.
package text
