// Package jpegls decodes and encodes JPEG-LS (ISO/IEC 14495-1, ITU-T T.87): lossless and near-lossless, 2 to 16 bits, components in
// scans of their own, interleaved by line or by sample.
//
// Names in the code are those of annex A: Q for a context, RI for the run mode's contexts, k for the Golomb parameter. Image
// dimensions are held against a limit before memory is taken, and every stream of bytes ends in an image or an error.
package jpegls
