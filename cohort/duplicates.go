package cohort

import (
	"cmp"
	"context"
	"crypto/sha256"
	"io"
	"io/fs"
	"math"
	"math/bits"
	"runtime"
	"slices"

	"github.com/cineloop/cineloop/stats"
)

// Duplicate is a pair of items that show the same, or nearly.
type Duplicate struct {
	Rows     [2]int  `json:"-"`
	Lines    [2]int  `json:"lines"`
	Exact    bool    `json:"exact"`              // the files are equal byte for byte
	Aligned  bool    `json:"aligned,omitempty"`  // the same once one is cropped, moved, mirrored or cut in time
	Likeness float64 `json:"likeness"`           // least correlation of three frames' thumbnails; 1 for the same bytes
	Patients bool    `json:"different_patients"` // they are filed under two patients
	Fold     int     `json:"fold,omitempty"`
	Parts    string  `json:"parts,omitempty"` // "train, test" where the pair lies in two parts of a split
}

// nearBits is how far the hashes of three frames may differ, of 192 bits, for two items to be compared closely.
const nearBits = 24

// nearLikeness is the correlation from which two pictures are called the same. Among 95 lung clips, 526 cine MR frames and 60 simulated echo
// loops, pairs of different patients reach 0.79 at most; one pair of clips of one journal, filed under two patients, reaches 0.97.
const nearLikeness = 0.95

// Duplicates compares all items: files byte for byte, pictures by perceptual hashes and, laid over each other, by their embeddings. facts
// are [Cohort.Inspect]'s. Pairs of one patient are left out unless exact: frames of one heart look alike; items that cannot be read are
// left out.
func (c *Cohort) Duplicates(ctx context.Context, facts []Facts) ([]Duplicate, error) {
	files := c.files()
	sums := make([]string, len(files))
	parallel(runtime.GOMAXPROCS(0), len(files), func(i int) {
		if ctx.Err() == nil {
			sums[i] = bytesOf(files[i].Path)
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var out []Duplicate
	known := map[[2]int]bool{} // pairs of files
	add := func(i, k int, d Duplicate) {
		a, b := files[i].row, files[k].row
		if a == b { // two clips of one study: they never part
			return
		}
		known[[2]int{i, k}] = true
		d.Rows, d.Lines, d.Patients = [2]int{a, b}, [2]int{files[i].Line, files[k].Line}, c.Rows[a].Patient != c.Rows[b].Patient
		out = append(out, d)
	}
	first := map[string]int{}
	for i, s := range sums {
		if s == "" || i < len(facts) && facts[i].Unreadable != "" { // a broken file gives nothing away
			continue
		}
		if a, ok := first[s]; ok {
			add(a, i, Duplicate{Exact: true, Likeness: 1})
		} else {
			first[s] = i
		}
	}
	for a := range facts {
		for b := a + 1; b < len(facts); b++ {
			fa, fb := facts[a], facts[b]
			if !fa.hashUsable || !fb.hashUsable || sums[a] != "" && sums[a] == sums[b] || c.Rows[fa.Row].Patient == c.Rows[fb.Row].Patient {
				continue
			}
			if distance(fa.hash, fb.hash) > nearBits {
				continue
			}
			if like := likeness(fa.thumb, fb.thumb); like >= nearLikeness {
				add(a, b, Duplicate{Likeness: like})
			}
		}
	}
	same := func(a, b int) bool {
		return c.Rows[facts[a].Row].Patient == c.Rows[facts[b].Row].Patient || known[[2]int{a, b}]
	}
	if err := alike(ctx, files, facts, same, func(a, b int, likeness float64) {
		add(a, b, Duplicate{Aligned: true, Likeness: likeness})
	}); err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b Duplicate) int {
		return cmp.Or(cmp.Compare(a.Lines[0], b.Lines[0]), cmp.Compare(a.Lines[1], b.Lines[1]))
	})
	return out, nil
}

func distance(a, b [3]uint64) int {
	n := 0
	for i := range a {
		n += bits.OnesCount64(a[i] ^ b[i])
	}
	return n
}

// bytesOf digests the content of a file, or of the files of a folder, whatever they are called; "" for a part of an archive.
func bytesOf(path string) string {
	if plainPath(path) != path {
		return ""
	}
	h := sha256.New()
	eachFile(path, func(file string, _ fs.FileInfo) {
		sum, err := fileDigest(file)
		if err != nil {
			sum = "unreadable " + file
		}
		io.WriteString(h, sum)
	})
	return string(h.Sum(nil))
}

// likeness is the least correlation of three pairs of thumbnails.
func likeness(a, b [3][]uint8) float64 {
	least := 1.0
	for i := range a {
		x, y := make([]float64, len(a[i])), make([]float64, len(b[i]))
		for j := range x {
			x[j], y[j] = float64(a[i][j]), float64(b[i][j])
		}
		r := stats.Pearson(x, y)
		if math.IsNaN(r) {
			return 0
		}
		least = min(least, r)
	}
	return least
}

// Crossing gives the pairs whose items lie in different parts of a fold of the split: what the network sees in training it is then
// tested on.
func Crossing(pairs []Duplicate, s *Split) []Duplicate {
	var out []Duplicate
	for k, f := range s.Folds {
		part := map[int]string{}
		for name, rows := range map[string][]int{"train": f.Train, "val": f.Val, "test": f.Test} {
			for _, r := range rows {
				part[r] = name
			}
		}
		for _, d := range pairs {
			a, b := part[d.Rows[0]], part[d.Rows[1]]
			if a != "" && b != "" && a != b {
				d.Fold, d.Parts = k, a+", "+b
				out = append(out, d)
			}
		}
	}
	return out
}
