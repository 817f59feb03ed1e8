// Package jpeg decodes the JPEG processes that DICOM uses: baseline and extended sequential and progressive DCT with 8 or 12 bits
// (processes 1 to 12), and lossless with 2 to 16 bits (processes 14 and 15, all predictors). It encodes lossless.
//
// Samples come out as they are stored: interleaved, little endian, two bytes each above 8 bits, with no colour conversion unless
// asked for. Lossy decoding is bit for bit that of libjpeg: the accurate integer inverse DCT and its triangle filter for chroma
// that is subsampled by two. image/jpeg of the standard library is neither exact in that sense nor has it 12 bits.
//
// Every length and index is checked; image dimensions are held against a limit, and against what the compressed bytes could
// possibly hold, before memory is taken.
package jpeg
