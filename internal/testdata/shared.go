// Package testdata finds what tests need outside the repository and skips, saying so, where it is absent.
package testdata

import (
	"os"
	"path/filepath"
	"testing"
)

// Root is the repository's root: the nearest folder above the working directory that has a go.mod.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the working directory")
		}
		dir = parent
	}
}

// SharedRoot is the folder of shared data: $CINELOOP_SHARED, or ../shared beside the repository.
func SharedRoot(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("CINELOOP_SHARED"); dir != "" {
		return dir
	}
	return filepath.Join(filepath.Dir(Root(t)), "shared")
}

// Shared is a path under the shared data; the test is skipped where it is absent.
func Shared(t testing.TB, elem ...string) string {
	t.Helper()
	path := filepath.Join(append([]string{SharedRoot(t)}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("shared data %s is not here; set CINELOOP_SHARED to run this test", filepath.Join(elem...))
	}
	return path
}
