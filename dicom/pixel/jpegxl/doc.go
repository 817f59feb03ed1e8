// Package jpegxl decodes JPEG XL (ISO/IEC 18181) with libjxl's djxl as a child process.
//
// No decoder in Go exists, and none that is kept runs as WebAssembly without a build of megabytes; JPEG XL is rare enough in DICOM
// for a process a frame. The image's size is read here, from the first bytes, and held against what the caller expects before
// the child sees them; the child is held to memory, time and a size of output by the system. A JPEG that was recompressed comes
// back as that JPEG, byte for byte, for the JPEG decoder to decode as it would have.
package jpegxl
