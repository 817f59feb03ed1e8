package tensorboard

import (
	"bytes"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMaskedCRC(t *testing.T) {
	// CRC-32C of "123456789" is 0xe3069283, its published check value. Worked by hand: 0xe3069283>>15 = 0x1c60d and <<17 =
	// 0x25060000 in 32 bits, together 0x2507c60d; plus 0xa282ead8 that is 0xc78ab0e5.
	if got := maskedCRC([]byte("123456789")); got != 0xc78ab0e5 {
		t.Errorf("masked CRC %#x", got)
	}
}

func TestEventBytes(t *testing.T) {
	// Worked by hand from event.proto: wall_time 1.0, step 3, summary{value{tag "a", simple_value 0.5}}.
	e := Event{WallTime: 1, Step: 3, Scalars: []Scalar{{"a", 0.5}}}
	want := "09000000000000f03f" + "1003" + "2a0a" + "0a08" + "0a0161" + "150000003f"
	if got := hex.EncodeToString(e.marshal()); got != want {
		t.Errorf("bytes\n%s want\n%s", got, want)
	}
}

func TestWriteThenRead(t *testing.T) {
	dir := t.TempDir()
	now := time.Unix(1700000000, 0)
	w, err := create(dir, 40, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Scalars(41, Scalar{"train/loss", 0.693}, Scalar{"train/lr", 1e-3}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	names, _ := filepath.Glob(filepath.Join(dir, "*tfevents*"))
	if len(names) != 1 {
		t.Fatalf("files %v", names)
	}
	raw, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	wall := 1700000000.0
	want := []Event{
		{WallTime: wall, FileVersion: "brain.Event:2"},
		{WallTime: wall, Step: 40, Restart: true},
		{WallTime: wall, Step: 41, Scalars: []Scalar{{"train/loss", 0.693}, {"train/lr", 1e-3}}},
	}
	got, err := Read(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	// A run that was killed in the middle of a write loses that record and no other.
	got, err = Read(bytes.NewReader(raw[:len(raw)-5]))
	if err != nil || len(got) != 2 {
		t.Errorf("torn file: %d events, %v", len(got), err)
	}
	for _, at := range []int{0, 9, len(raw) - 6} {
		bad := bytes.Clone(raw)
		bad[at] ^= 0x10
		if _, err := Read(bytes.NewReader(bad)); err == nil || !strings.Contains(err.Error(), "checksum") {
			t.Errorf("flipped byte %d: %v", at, err)
		}
	}
}

// TestPythonReads has TensorBoard's own reader, where it is installed, read a file that was written here.
func TestPythonReads(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range int64(3) {
		if err := w.Scalars(i, Scalar{"loss", float32(i) / 4}); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	if exec.Command("python3", "-c", "import tensorboard").Run() != nil {
		t.Skip("python3 has no tensorboard: the file is checked by our own reader alone")
	}
	out, err := exec.Command("python3", "-c", `
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
a = EventAccumulator(sys.argv[1]); a.Reload()
print([(s.step, s.value) for s in a.Scalars("loss")])`, dir).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "[(0, 0.0), (1, 0.25), (2, 0.5)]" {
		t.Errorf("%s %v", out, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(appendRecord(nil, Event{WallTime: 1, Step: 3, Scalars: []Scalar{{"a", 0.5}}}.marshal()))
	f.Add(appendRecord(nil, Event{FileVersion: "brain.Event:2", Restart: true}.marshal()))
	f.Fuzz(func(t *testing.T, b []byte) {
		events, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		for _, e := range events { // what was understood survives a round trip
			again, err := unmarshal(e.marshal())
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(again.marshal(), e.marshal()) {
				t.Fatalf("%+v became %+v", e, again)
			}
		}
	})
}
