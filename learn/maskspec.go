package learn

import (
	"github.com/cineloop/cineloop/clip/volume"
	"github.com/cineloop/cineloop/nn/segment"
)

// KindSegment is the [Plan].Kind of runs that label every position.
const KindSegment = "segment"

// SegmentSpec is what runs of kind segment add to a plan.
type SegmentSpec struct {
	Target           string         `yaml:"target,omitempty"`            // mask target; default: the only one
	Patch            []int          `yaml:"patch,omitempty"`             // [D, H, W] at input.spacing_mm; D = 1 for pictures
	MemoryMiB        float64        `yaml:"memory_mib,omitempty"`        // that patch, network and batch are planned for; default 2048
	Loss             string         `yaml:"loss,omitempty"`              // dice_ce (default) | dice_focal | ce | dice_ce_boundary
	DeepSupervision  *bool          `yaml:"deep_supervision,omitempty"`  // default true
	Iterations       int            `yaml:"iterations,omitempty"`        // batches an epoch; default: as many as show every case once
	Oversample       float64        `yaml:"oversample,omitempty"`        // share of patches whose middle lies on foreground; default 0.33; negative: 0
	Overlap          float64        `yaml:"overlap,omitempty"`           // of windows in prediction; default 0.5
	Mirror           []bool         `yaml:"mirror,omitempty"`            // axes D, H, W along which prediction also looks at mirror images
	LargestComponent bool           `yaml:"largest_component,omitempty"` // keep each class's largest connected piece
	NSDTolerance     float64        `yaml:"nsd_tolerance,omitempty"`     // mm (or pixels) that surfaces may differ by; default 1
	Augment          volume.Augment `yaml:"augment,omitempty"`
}

// MaskNet is a network for masks as a checkpoint keeps it.
type MaskNet struct {
	Spec   segment.Spec `json:"spec"`
	Patch  [3]int       `json:"patch"`
	Target string       `json:"target"`
	Labels []string     `json:"labels"` // of the classes 1, 2, …
}

func (s SegmentSpec) deep() bool { return s.DeepSupervision == nil || *s.DeepSupervision }

// patch is Patch as three numbers; false where it is not set.
func (s SegmentSpec) patch() ([3]int, bool) {
	if len(s.Patch) != 3 {
		return [3]int{}, false
	}
	return [3]int(s.Patch), true
}
