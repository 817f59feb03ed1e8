package export

import (
	"context"
	"fmt"
	"strings"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/cohort"
)

// item is what the index and the files say of one clip besides its samples. It is JSON in WebDataset's shards, in Zarr's attributes and
// in the journal.
type item struct {
	Number      int               `json:"item"` // of the row in the cohort, from 1: the name of its files
	ID          string            `json:"id"`
	Patient     string            `json:"patient"`
	Site        string            `json:"site,omitempty"`
	File        string            `json:"-"` // within the export; of WebDataset, the shard
	Shape       [4]int            `json:"shape_thwc"`
	DType       string            `json:"dtype"`
	Photometric string            `json:"photometric"`
	SliceMM     float64           `json:"slice_mm,omitempty"`
	RowMM       float64           `json:"row_mm,omitempty"`
	ColumnMM    float64           `json:"column_mm,omitempty"`
	RateHz      float64           `json:"frame_rate_hz,omitempty"`
	TimesMS     []float64         `json:"times_ms,omitempty"`
	AffineLPS   []float64         `json:"affine_lps,omitempty"` // 3×4, row by row: (column, row, frame, 1) to mm
	Source      string            `json:"source_sha256,omitempty"`
	Notes       []string          `json:"notes,omitempty"` // what reading it had to forgive or convert
	Scan        map[string]string `json:"scan,omitempty"`  // facts of the header
	Truth       map[string]any    `json:"truth,omitempty"` // by target: a number, a class's name, or numbers by label; absent where unknown
	Split       map[string]string `json:"split,omitempty"` // by split, with "/fold" where there are several: train, val, test
}

// open decodes row i, turning a decoder's panic into an error.
func open(ctx context.Context, c *cohort.Cohort, i int) (cl *clip.Clip, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the decoder failed: %v", v)
		}
	}()
	return clip.Open(c.Rows[i].Path, clip.WithContext(ctx))
}

func describe(c *cohort.Cohort, i int, cl *clip.Clip, parts map[string]string) item {
	r := c.Rows[i]
	it := item{
		Number: i + 1, ID: r.ID, Patient: r.Patient, Site: r.Site, Shape: [4]int{cl.T, cl.H, cl.W, cl.C}, DType: cl.DType.String(),
		Photometric: string(cl.Photometric), SliceMM: cl.Spacing.Slice, RowMM: cl.Spacing.Row, ColumnMM: cl.Spacing.Column,
		RateHz: cl.FrameRate(), TimesMS: cl.TimesMS, Source: cl.Source.Digest, Notes: cl.Source.Notes, Scan: cl.Source.Tags,
		Truth: truth(c, i), Split: parts,
	}
	if cl.Affine != nil {
		for _, row := range cl.Affine {
			it.AffineLPS = append(it.AffineLPS, row[:]...)
		}
	}
	return it
}

// truth is what is known of row i's targets.
func truth(c *cohort.Cohort, i int) map[string]any {
	out := map[string]any{}
	for _, t := range c.Spec.Targets {
		v := c.Rows[i].Truth[t.Name]
		switch {
		case len(v) == 0 || v[0] != v[0]:
		case t.Kind == cohort.Class:
			out[t.Name] = t.Classes[int(v[0])]
		case t.Kind == cohort.MultiLabel:
			labels := map[string]float64{}
			for k, x := range v {
				if x == x {
					labels[t.Classes[k]] = x
				}
			}
			out[t.Name] = labels
		case t.Kind == cohort.TimeToEvent:
			out[t.Name] = map[string]float64{"time": v[0], "event": v[1]}
		default:
			out[t.Name] = v[0]
		}
	}
	return out
}

// partsOf names the parts of every row in every split.
func partsOf(rows int, splits []*cohort.Split) []map[string]string {
	out := make([]map[string]string, rows)
	for i := range out {
		out[i] = map[string]string{}
	}
	for _, s := range splits {
		for f, fold := range s.Folds {
			name := s.Name
			if len(s.Folds) > 1 {
				name = fmt.Sprintf("%s/%d", s.Name, f+1)
			}
			for _, p := range []struct {
				part string
				rows []int
			}{{"train", fold.Train}, {"val", fold.Val}, {"test", fold.Test}} {
				for _, r := range p.rows {
					out[r][name] = p.part
				}
			}
		}
		for _, r := range s.Reserved {
			out[r][s.Name] = "test"
		}
	}
	return out
}

// splitNames are the names that partsOf gives, in order.
func splitNames(splits []*cohort.Split) (names []string) {
	for _, s := range splits {
		if len(s.Folds) == 1 {
			names = append(names, s.Name)
			continue
		}
		for f := range s.Folds {
			names = append(names, fmt.Sprintf("%s/%d", s.Name, f+1))
		}
		if len(s.Reserved) > 0 {
			names = append(names, s.Name)
		}
	}
	return names
}

// reason is why an item cannot be exported, without the name of its file.
func reason(err error, path string) string {
	return strings.TrimPrefix(cohort.WithoutPath(err, path), "reading the file: ")
}

// number is how an item's files are called.
func number(n int) string { return fmt.Sprintf("%06d", n) }
