package evaluate

import (
	"encoding/csv"
	"io"
	"math"
	"os"
	"slices"
	"strconv"

	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
)

var maskHeader = []string{"item", "patient", "split", "class", "dice", "hd95", "nsd", "volume_error_percent", "true_voxels", "predicted_voxels", "common_voxels", "unit"}

// WriteFile writes masks.csv, a row an item and class; undefined values are empty. Items without a true mask have one row without a class.
func (t *MaskTable) WriteFile(path string) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		c := csv.NewWriter(w)
		_ = c.Write(maskHeader) // an error is sticky
		text := func(v float64) string {
			if math.IsNaN(v) {
				return ""
			}
			return strconv.FormatFloat(v, 'g', -1, 64)
		}
		for i := range t.Item {
			if t.Score[i] == nil {
				_ = c.Write([]string{t.Item[i], t.Patient[i], t.Split[i], "", "", "", "", "", "", "", "", t.Unit})
			}
			for k, s := range t.Score[i] {
				_ = c.Write([]string{t.Item[i], t.Patient[i], t.Split[i], t.Classes[k], text(s.Dice), text(s.HD95), text(s.NSD), text(s.VolumeError),
					text(s.True), text(s.Predicted), text(s.Both), t.Unit})
			}
		}
		c.Flush()
		return c.Error()
	})
}

// ReadMasks reads what [MaskTable.WriteFile] wrote for a target of these classes. Code input where the file is not of that form.
func ReadMasks(path, target string, classes []string) (*MaskTable, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.New(fault.NotFound, "%s: %w", path, err)
	}
	defer f.Close()
	t, err := readMasks(f, target, classes)
	if err != nil {
		return nil, fault.New(fault.Input, "%s: %w", path, err)
	}
	return t, nil
}

func readMasks(r io.Reader, target string, classes []string) (*MaskTable, error) {
	c := csv.NewReader(r)
	c.FieldsPerRecord = len(maskHeader)
	head, err := c.Read()
	if err != nil {
		return nil, err
	}
	if !slices.Equal(head, maskHeader) {
		return nil, fault.New(fault.Input, "its columns are not those of masks.csv")
	}
	t := &MaskTable{Target: target, Classes: classes}
	for line := 2; ; line++ {
		rec, err := c.Read()
		if err == io.EOF {
			return t, t.complete()
		}
		if err != nil {
			return nil, err
		}
		last := len(t.Item) - 1
		if last < 0 || t.Item[last] != rec[0] || rec[3] == "" || len(t.Score[last]) == len(classes) {
			t.Item, t.Patient, t.Split, t.Score = append(t.Item, rec[0]), append(t.Patient, rec[1]), append(t.Split, rec[2]), append(t.Score, nil)
			last++
		}
		t.Unit = rec[11]
		if rec[3] == "" {
			continue
		}
		if k := len(t.Score[last]); rec[3] != classes[k] {
			return nil, fault.New(fault.Input, "line %d: class %q where %q is next", line, rec[3], classes[k])
		}
		var v [7]float64
		for j := range v {
			v[j] = math.NaN()
			if rec[4+j] == "" {
				continue
			}
			if v[j], err = strconv.ParseFloat(rec[4+j], 64); err != nil {
				return nil, fault.New(fault.Input, "line %d, column %s: not a number", line, maskHeader[4+j])
			}
		}
		t.Score[last] = append(t.Score[last], MaskScore{Dice: v[0], HD95: v[1], NSD: v[2], VolumeError: v[3], True: v[4], Predicted: v[5], Both: v[6]})
	}
}

// complete says whether every item has all classes or none.
func (t *MaskTable) complete() error {
	for i, s := range t.Score {
		if s != nil && len(s) != len(t.Classes) {
			return fault.New(fault.Input, "item %d has %d of %d classes", i+1, len(s), len(t.Classes))
		}
	}
	return nil
}
