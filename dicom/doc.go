// Package dicom reads and writes DICOM data sets: Part 10 files and bare data sets, in every transfer syntax.
//
// A [File] is a source of bytes with an index over it. Opening reads the headers of elements and leaves values where they are;
// pixel data is never read in order to parse. A [DataSet] is the ordered elements of a file or of a sequence's item, an
// [Element] one attribute with its value representation as the file has it and its value, lazily read. A [TransferSyntax]
// says how all of that is encoded.
//
// Promises:
//   - What was not changed is written back byte for byte: odd lengths, padding, group lengths, delimiters and all.
//   - A length is checked against the bytes that are left before anything is allocated; nesting is bounded and walked without
//     recursion while reading; inflating has a limit. Malformed input ends in an error, or in a [File] that says in
//     Incomplete and Warnings what is wrong with it.
//   - Text is decoded by the data set's Specific Character Set (0008,0005) and encoded to it; text that the set can't hold moves
//     the whole data set to UTF-8. Nothing is guessed silently.
//   - A data set that is only read may be read from several goroutines at once.
//   - No value ever appears in an error or a warning.
//
// What is passed over although the standard forbids it stands in docs/reference/dicom-leniency.md, row by row, and is tested against it.
//
// Of objects with many frames, [DataSet.FunctionalGroup] and [DataSet.FrameElement] give what holds for one frame, and [Concatenation] puts parts together. A
// DICOMDIR is read as a tree by [File.Directory]; a change of it keeps the tree, for the offsets in it follow. Packages around this one: iod says what an
// information object must have, code has the coded concepts, fileset makes and reads media, ranged reads files that are far away.
//
// New data sets are built with [NewDataSet] and the Set methods and written with [WriteFile]; the same data set gives the same
// bytes. Pixels are the business of package pixel.
package dicom
