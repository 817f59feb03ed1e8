package phantom

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/internal/fault"
)

// A folder without masks gives the masks that it would have been written with.
func TestOpenGivesTheSameMasks(t *testing.T) {
	cfg := Config{Seed: 9, Patients: 2, Frames: 8, Height: 48, Width: 48, Confounders: map[Confounder]float64{Logo: 1}}
	bare, full := t.TempDir(), t.TempDir()
	if err := Write(context.Background(), bare, cfg, nil); err != nil {
		t.Fatal(err)
	}
	cfg.Masks = true
	if err := Write(context.Background(), full, cfg, nil); err != nil {
		t.Fatal(err)
	}
	c, err := Open(bare)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		masks, shortcut := c.Masks(i, A4C)
		file := filepath.Join(full, "masks", c.FileName(c.Patient(i), A4C)+".npz")
		for name, got := range map[string][]uint8{"masks": masks, "shortcut": shortcut} {
			want, err := clip.Open(file+"#"+name, clip.AsMask())
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(want.Data, got) {
				t.Errorf("patient %d: other %s", i, name)
			}
		}
		if !bytes.Contains(masks, []byte{MaskLV}) {
			t.Error("no left ventricle")
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("an empty folder: %v", err)
	}
	write := func(s string) {
		if err := os.WriteFile(filepath.Join(dir, manifestName), []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("{")
	if _, err := Open(dir); fault.CodeOf(err) != fault.Input {
		t.Errorf("half a file: %v", err)
	}
	write(`{"config": {"Patients": -3}}`)
	if _, err := Open(dir); fault.CodeOf(err) != fault.Input {
		t.Errorf("an impossible study: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, manifestName)); err != nil {
		t.Fatal(err)
	}
	if err := Write(context.Background(), dir, Config{Seed: 1, Patients: 1, Frames: 8, Height: 32, Width: 32}, nil); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		t.Fatal(err)
	}
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	write(strings.Replace(string(b), c.cfg.pictureDigest(), "00", 1))
	if _, err := Open(dir); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("another version: %v", err)
	}
}

func TestChamber(t *testing.T) {
	for name, want := range map[string]uint8{"left ventricle": MaskLV, "lv": MaskLV, " Wall ": MaskMyocardium, "AORTA": MaskAorta} {
		if got, ok := Chamber(name); !ok || got != want {
			t.Errorf("%q: %d, %v", name, got, ok)
		}
	}
	if _, ok := Chamber("spleen"); ok {
		t.Error("a heart has no spleen")
	}
}
