// Package jpeg2000 decodes JPEG 2000 (ISO/IEC 15444-1, -2) and high-throughput JPEG 2000 (-15) and encodes JPEG 2000 without loss, with
// OpenJPEG as a WebAssembly module.
//
// The module is not part of this program. It is compiled from the distribution's source package with a wrapper of ours, once, by
// [Build], and found at run time by [Find]: $CINELOOP_OPENJPEG, the user's cache folder, or the machine's shared folders. Without
// it Decode and Encode give a fault.Missing error that says what to run; nothing else depends on it.
//
// Promises, whatever the bytes are:
//   - The codestream's own size (SIZ) is read here first, and held against what the caller expects, before the module sees it.
//   - OpenJPEG runs inside the module's memory, at most 1 GiB and less for small images; what it does there cannot reach the rest of
//     the program. A trap, a refused allocation or a missed deadline is an error, and that instance is thrown away.
//   - A codestream that is cut short is an error, never a picture that is partly guessed.
//   - Samples are those of OpenJPEG bit for bit.
//
// Instances are kept and used again, one for each call at a time, no more than there are cores. The compiled machine code is kept in
// the cache folder beside the module.
package jpeg2000
