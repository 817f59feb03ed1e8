package learn

import (
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/torch"
)

// Layouts of train.memory_format.
const (
	layoutAuto         = "auto"
	layoutContiguous   = "contiguous"
	layoutChannelsLast = "channels_last"
)

// channelsLast says whether kernels and activations are stored channels last. Left to itself that is so where it is faster: on CUDA
// devices (tensor cores want it) and from libtorch 2 on. A 3×3×3 convolution forward and backward on one CPU core took 0.96 and 0.91 of
// the contiguous time with libtorch 2.6 and 2.14, and 1.23 with 1.13.
func channelsLast(p TrainSpec, e *torch.Engine) bool {
	switch p.MemoryFormat {
	case layoutChannelsLast:
		return true
	case layoutContiguous:
		return false
	}
	return e.Device().IsCUDA() || majorVersion(e.Info().Version) >= 2
}

// majorVersion is 2 for "2.6.0+cu124"; 0 where the text is no version.
func majorVersion(v string) int {
	major, _, _ := strings.Cut(v, ".")
	n, _ := strconv.Atoi(major)
	return n
}
