package evaluate

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/clip/volume"
	"github.com/cineloop/cineloop/internal/fault"
)

// TestMasksAgainstScipy compares Dice, HD95, surface Dice and volume error with scipy's (bench/peers/masks.py made the file) to 1e-9.
func TestMasksAgainstScipy(t *testing.T) {
	var file struct {
		Cases []struct {
			Size            [3]int
			Spacing         [3]float64
			Tolerance       float64
			True, Predicted []int
			Dice, HD95, NSD float64
			VolumeError     float64 `json:"volume_error"`
		}
	}
	readJSON(t, "testdata/masks.json", &file)
	if len(file.Cases) != 4 {
		t.Fatalf("%d cases", len(file.Cases))
	}
	for i, c := range file.Cases {
		n := c.Size[0] * c.Size[1] * c.Size[2]
		a, b := make([]uint8, n), make([]uint8, n)
		for _, k := range c.True {
			a[k] = 1
		}
		for _, k := range c.Predicted {
			b[k] = 1
		}
		s := ScoreMask(a, b, 1, c.Size, c.Spacing, c.Tolerance)
		for _, v := range []struct {
			name      string
			got, want float64
		}{{"dice", s.Dice, c.Dice}, {"hd95", s.HD95, c.HD95}, {"nsd", s.NSD, c.NSD}, {"volume error", s.VolumeError, c.VolumeError}} {
			if !(math.Abs(v.got-v.want) <= 1e-9) {
				t.Errorf("case %d, %s: %v, scipy has %v", i, v.name, v.got, v.want)
			}
		}
	}
}

// TestScoreMaskByHand: two bars of 4 pixels of 2 mm, one shifted by one pixel. 3 in common of 4 and 4: Dice 6/8. Every pixel of a bar in a
// picture of one row is on its surface; distances are 0, 0, 0 and 2 mm both ways: the 95th percentile of four is at rank 2.85, 1.7 mm.
func TestScoreMaskByHand(t *testing.T) {
	a := []uint8{1, 1, 1, 1, 0, 0}
	b := []uint8{0, 1, 1, 1, 1, 0}
	size, mm := [3]int{1, 2, 6}, [3]float64{0, 2, 2}
	pad := make([]uint8, 6)
	s := ScoreMask(append(a, pad...), append(b, pad...), 1, size, mm, 1)
	if s.Dice != 0.75 || math.Abs(s.HD95-1.7) > 1e-12 || s.NSD != 0.75 || s.VolumeError != 0 || s.Both != 3 {
		t.Errorf("%+v", s)
	}
	// The pixel whose truth nobody knows does not count: 3 in common of 3 and 4 is 6/7 without, 1 with it unknown.
	known := append([]uint8{0, 1, 1, 1, volume.Unknown, 0}, pad...)
	if s := ScoreMask(known, append(b, pad...), 1, size, mm, 1); s.Dice != 1 {
		t.Errorf("unknown pixel: %+v", s)
	}
}

func TestScoreMaskOfNothing(t *testing.T) {
	size, one := [3]int{1, 1, 3}, [3]float64{1, 1, 1}
	neither := ScoreMask([]uint8{0, 0, 0}, []uint8{0, 0, 0}, 1, size, one, 1)
	if !math.IsNaN(neither.Dice) || !math.IsNaN(neither.NSD) || !math.IsNaN(neither.HD95) {
		t.Errorf("in neither mask: %+v", neither)
	}
	missed := ScoreMask([]uint8{0, 1, 0}, []uint8{0, 0, 0}, 1, size, one, 1)
	if missed.Dice != 0 || missed.NSD != 0 || !math.IsNaN(missed.HD95) || missed.VolumeError != -100 {
		t.Errorf("missed: %+v", missed)
	}
	invented := ScoreMask([]uint8{0, 0, 0}, []uint8{0, 1, 0}, 1, size, one, 1)
	if invented.Dice != 0 || !math.IsNaN(invented.VolumeError) {
		t.Errorf("invented: %+v", invented)
	}
}

// maskTable is three patients: p1 with two items, p2 and p3 with one; one item has no true mask.
func maskTable() *MaskTable {
	score := func(both, a, b float64) MaskScore {
		return MaskScore{Dice: 2 * both / (a + b), HD95: 1, NSD: 1, VolumeError: 100 * (b - a) / a, True: a, Predicted: b, Both: both}
	}
	nan := math.NaN()
	none := MaskScore{Dice: nan, HD95: nan, NSD: nan, VolumeError: nan}
	return &MaskTable{Target: "organ", Classes: []string{"near", "far"}, Unit: "mm",
		Item: []string{"a", "b", "c", "d", "e"}, Patient: []string{"p1", "p1", "p2", "p3", "p4"}, Split: []string{"test", "test", "test", "test", "test"},
		Score: [][]MaskScore{{score(9, 10, 10), score(1, 2, 2)}, {score(1, 2, 2), none}, {score(8, 10, 10), score(2, 2, 2)}, {score(7, 10, 10), score(1, 2, 2)}, nil}}
}

// TestEvaluateMasks by hand: near's Dice is 0.9, 0.5, 0.8 and 0.7, mean 0.725; patient p1's items together have 2·10/24; far is 0.5, 1 and 0.5.
func TestEvaluateMasks(t *testing.T) {
	r, err := EvaluateMasks(context.Background(), maskTable(), 2, Options{Resamples: 200})
	if err != nil {
		t.Fatal(err)
	}
	near, far := r.PerClass["near"].Metrics, r.PerClass["far"].Metrics
	for _, v := range []struct {
		name      string
		got, want float64
	}{
		{"near", float64(near["dice"].Value), 0.725},
		{"near, by patient", float64(near["dice_patient"].Value), (20.0/24 + 0.8 + 0.7) / 3},
		{"far", float64(far["dice"].Value), 2.0 / 3},
		{"mean", float64(r.Metrics["dice"].Value), (0.725 + 2.0/3) / 2},
		{"volume", float64(near["volume_error_percent"].Value), 0},
	} {
		if math.Abs(v.got-v.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", v.name, v.got, v.want)
		}
	}
	if r.N != 4 || r.Patients != 3 || r.PerClass["far"].N != 3 || r.Tolerance != 2 {
		t.Errorf("%d items of %d patients, %d with far", r.N, r.Patients, r.PerClass["far"].N)
	}
	if m := near["dice"]; !(m.Low < m.Value && m.Value < m.High) || m.Better != "higher" || near["hd95"].Better != "lower" {
		t.Errorf("interval %+v", m)
	}
	if near["hd95"].Reason == "" {
		t.Error("an interval of equal values has no reason for its absence")
	}
	again, _ := EvaluateMasks(context.Background(), maskTable(), 2, Options{Resamples: 200})
	if fmt.Sprint(r.PerClass["near"]) != fmt.Sprint(again.PerClass["near"]) {
		t.Error("equal seeds, other intervals")
	}
	empty, err := EvaluateMasks(context.Background(), maskTable(), 2, Options{Split: "val"})
	if err != nil || empty.N != 0 {
		t.Errorf("no items: %+v, %v", empty, err)
	}
}

func TestMaskTableRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "masks.csv")
	want := maskTable()
	if err := want.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	got, err := ReadMasks(path, "organ", want.Classes)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || !reflect.DeepEqual(got.Item, want.Item) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	if _, err := ReadMasks(path+"x", "organ", nil); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("absent: %v", err)
	}
	if err := os.WriteFile(path, []byte("item,dice\na,1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadMasks(path, "organ", want.Classes); fault.CodeOf(err) != fault.Input {
		t.Errorf("another file: %v", err)
	}
}

func FuzzReadMasks(f *testing.F) {
	var b bytes.Buffer
	b.WriteString(strings.Join(maskHeader, ",") + "\na,p,test,near,0.5,1,1,0,2,2,1,mm\na,p,test,far,,,,,0,0,0,mm\nb,q,test,,,,,,,,,mm\n")
	f.Add(b.Bytes())
	f.Add([]byte(strings.Join(maskHeader, ",") + "\na,p,test,far,0.5,1,1,0,2,2,1,mm\n"))
	f.Add([]byte("x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := readMasks(bytes.NewReader(data), "organ", []string{"near", "far"})
		if err != nil {
			return
		}
		for _, s := range m.Score {
			if s != nil && len(s) != 2 {
				t.Fatalf("%d scores of two classes", len(s))
			}
		}
	})
}
