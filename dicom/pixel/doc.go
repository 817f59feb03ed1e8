// Package pixel gives the frames of DICOM images: decoded as they are stored, and, as separate steps, what their values mean.
//
// An [Image] is a view of a file's pixel data. [Image.Frame] decodes one frame into stored samples, interleaved by pixel, little
// endian, and touches no other frame; [Image.Encoded] gives its compressed bytes. Colour conversion ([Image.RGB]), modality and VOI
// transformations, overlays, frame times and ultrasound regions are separate, so that nothing is applied twice.
//
// [Transcode] writes a file in another transfer syntax; [Codecs] says which ones can be read and written on this machine. Native, RLE, JPEG and
// JPEG-LS frames need nothing but this program; JPEG 2000 and HTJ2K need OpenJPEG as a WebAssembly module (package jpeg2000), JPEG XL and video need
// djxl and ffmpeg as limited child processes. What is missing is a fault.Missing error for its transfer syntaxes alone. [Join] puts a
// concatenation together.
//
// Frames are found by the Basic or the Extended Offset Table, or by looking at the fragments. Sizes are checked in 64 bits before memory
// is taken, a frame larger than a limit is refused, and one that is cut short is an error, never partly guessed. An Image may be used from several goroutines at once.
package pixel
