// Package pixel gives the frames of DICOM images: decoded as they are stored, and, as separate steps, what their values mean.
//
// An [Image] is a view of a file's pixel data. [Image.Frame] decodes one frame into stored samples, interleaved by pixel, little
// endian, and touches no other frame; [Image.Encoded] gives its compressed bytes. Colour conversion ([Image.RGB]), modality and VOI
// transformations, overlays, frame times and ultrasound regions are separate, so that nothing is applied twice.
//
// Frames are found by the Basic or the Extended Offset Table, or by looking at the fragments. Sizes are checked in 64 bits before memory
// is taken, and a frame larger than a limit is refused. An Image may be used from several goroutines at once.
package pixel
