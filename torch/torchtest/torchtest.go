// Package torchtest starts engines for tests.
package torchtest

import (
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/torch"
)

// Run runs a test on an engine on the processor, with seed 1. The test is skipped where libtorch is not installed, and fails on any other
// error of the engine.
func Run(t testing.TB, threads int, fn func(e *torch.Engine)) {
	t.Helper()
	Check(t, torch.Run(t.Context(), torch.Config{Device: "cpu", Threads: threads, Seed: 1}, func(e *torch.Engine) error {
		fn(e)
		return nil
	}))
}

// Check skips the test for a missing engine (scripts/setup installs it), and fails it on any other error.
func Check(t testing.TB, err error) {
	t.Helper()
	if err != nil && fault.CodeOf(err) == fault.Missing {
		t.Skipf("no libtorch here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}
