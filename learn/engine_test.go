package learn

import (
	"context"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/torch"
)

// withEngine runs a test on an engine; without libtorch the test is skipped.
func withEngine(t *testing.T, fn func(e *torch.Engine)) {
	t.Helper()
	err := torch.Run(context.Background(), torch.Config{Device: "cpu", Threads: 2, Seed: 1}, func(e *torch.Engine) error {
		fn(e)
		return nil
	})
	skipWithoutEngine(t, err)
}

// skipWithoutEngine fails on any error but a missing engine.
func skipWithoutEngine(t *testing.T, err error) {
	t.Helper()
	if err != nil && fault.CodeOf(err) == fault.Missing {
		t.Skipf("no libtorch here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}
