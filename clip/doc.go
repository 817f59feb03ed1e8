// Package clip holds one type for everything that behaves like video: echo cine loops, CT and MR stacks, single images.
//
// A [Clip] is a block of samples [T, H, W, C] with what is needed to measure on it: frame times (ms), sample spacing (mm), the map
// to patient coordinates, what the values mean, and where the bytes came from.
//
// [Open] reads any format the field uses: DICOM (multi-frame, or a folder of single frames put in order by their geometry),
// NIfTI-1/2, AVI with motion JPEG, PNG and JPEG (single or a folder), NumPy npy/npz, and every other video through an ffmpeg
// child process where one is installed. Its promises:
//
//   - Sizes are checked against a limit before memory is asked for; a damaged file gives an error of code input that names the
//     file, the element and what to do, never a panic.
//   - Times are the container's own, not an assumed rate; spacing and geometry are kept, and left zero where the file is silent.
//   - A file decodes to the same bytes everywhere, however many cores take part.
//
// Transforms ([Crop], [Resize], [Rotate], [Window]…) are pure: they return a new clip whose times, spacing and affine still
// describe its samples. Random ones take their stream. [Prepare] is the whole chain from a stored clip to a network's input, in
// one sampling pass a frame. [ContactSheet], [PNG] and [AnimatedGIF] show clips to people.
package clip
