// Package rewrite blanks masked pixels in the frames of a DICOM image and leaves every other pixel as it was.
//
// A [Writer] is made for an image and a mask and gives the new frames one by one, each in the transfer syntax that [Writer.Syntax] names:
//
//   - native frames of 8, 16, 32 and 64 bits, interleaved or planar, with palettes, shared chroma and floats: the masked cells change;
//   - RLE, JPEG lossless, JPEG-LS, deflated frames: decoded, blanked, encoded again without loss in the same syntax;
//   - JPEG baseline and extended: blocks are blanked in the DCT domain, the coefficients of all others stay (package jpegblocks);
//   - what was lossy otherwise (near-lossless JPEG-LS, progressive JPEG) and what has no encoder here (JPEG 2000) is decoded and encoded as
//     lossless JPEG-LS: the pixels are those that its decoder gave, and no loss is added;
//   - video, 12 bits packed, single bits that cross bytes, four samples a pixel: an error of code input, for the quarantine.
//
// Blank is what a viewer shows as black: the lowest value, the highest for MONOCHROME1, the darkest entry of a palette, no luminance and
// neutral chroma. Bits of the cells that hold overlays of old (60xx) are cleared in every pixel.
package rewrite
