package idx

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.gz")
	write := func(b []byte) {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		w.Write(b)
		w.Close()
		if err := os.WriteFile(path, z.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write([]byte{0, 0, 8, 1, 0, 0, 0, 2, 7, 9})
	if b, err := Read(path, 0x801); err != nil || !slices.Equal(b, []byte{7, 9}) {
		t.Errorf("%v, %v", b, err)
	}
	if _, err := Read(path, 0x803); err == nil {
		t.Error("labels were read as pictures")
	}
	write([]byte{0, 0})
	if _, err := Read(path, 0x801); err == nil {
		t.Error("a short file was read")
	}
}
