// Package jpegblocks blanks blocks of lossy JPEG images without decoding them to pixels: baseline and extended sequential DCT with Huffman
// codes, 8 and 12 bits, any subsampling, scans and restart intervals.
//
// The entropy-coded data are taken apart into the symbols of each block. Blocks that a mask claims get one flat value; the symbols of all
// others are written again as they were, with the differences of DC values made anew where the block before has changed. So every
// coefficient of a kept block is exactly what it was, and the decoded image differs only in blanked blocks (and, where chroma is
// subsampled and was not neutral, in the pixels next to them that a decoder's interpolation reaches: see [Reach]).
//
// A stream whose own code tables lack a code that is needed gets new ones for that scan, made for its symbols. All other segments are
// kept byte for byte. Anything that is not understood to the end is an error, never a guess.
package jpegblocks
