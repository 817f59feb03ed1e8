package export

import (
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/nearest"
)

// Format is how items are stored.
type Format string

// The formats.
const (
	NIfTI      Format = "nifti"      // items/000001.nii.gz: stacks as volumes with their affine, cines with time as the fourth axis
	NPY        Format = "npy"        // items/000001.npy: [T, H, W] or [T, H, W, C]
	NPZ        Format = "npz"        // items/000001.npz: member clip as in NPY, deflated
	Zarr       Format = "zarr"       // items.zarr: a Zarr v3 group with an array an item, chunked by frames, gzip
	WebDataset Format = "webdataset" // shard-000000.tar: members 000001.npy and 000001.json, in order
)

// Formats are all of them.
var Formats = []Format{NIfTI, NPY, NPZ, Zarr, WebDataset}

func (f Format) check() error {
	if slices.Contains(Formats, f) {
		return nil
	}
	names := make([]string, len(Formats))
	for i, x := range Formats {
		names[i] = string(x)
	}
	return fault.New(fault.Usage, "format is %q (%s)", string(f), nearest.Hint(string(f), names))
}
