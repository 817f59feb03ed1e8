package hold

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	one, err := File(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := File(path); runtime.GOOS == "linux" && !errors.Is(err, ErrHeld) {
		t.Errorf("held twice: %v", err)
	}
	// A file that is removed while it is held is a new file to the next.
	os.Remove(path)
	two, err := File(path)
	if err != nil {
		t.Fatal(err)
	}
	one.Close()
	two.Close()
	three, err := File(path)
	if err != nil {
		t.Fatal(err)
	}
	three.Close()
}
