package storetest

import (
	"os"
	"testing"
)

// DiskDir is t.TempDir on the disk, also where Main has put temporary folders into memory.
func DiskDir(t *testing.T) string {
	t.Helper()
	if os.Getenv("TMPDIR") != "/dev/shm" {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp("/tmp", "cineloop-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
