// Package clip is one type for everything that behaves like video: echo cine loops, CT and MR stacks, image series.
//
// A [Clip] is frames × height × width × channels with frame times (ms), spacing (mm), what its values mean and where it came
// from. [Open] reads DICOM, NIfTI, AVI and other video, PNG and JPEG series, npy and npz. Transforms are pure: clip in, new clip
// out, spacing and times carried along, random choices from a seed. Nothing here needs libtorch.
package clip
