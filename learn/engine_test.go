package learn

import (
	"testing"

	"github.com/cineloop/cineloop/torch"
	"github.com/cineloop/cineloop/torch/torchtest"
)

// withEngine runs a test on an engine; without libtorch the test is skipped.
func withEngine(t *testing.T, fn func(e *torch.Engine)) { torchtest.Run(t, 2, fn) }
