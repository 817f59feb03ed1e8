package pixel

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sort"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/internal/testdata"
)

// expected is what independent decoders found in a file of the corpus: one digest, or one for each decoder where they differ.
type expected struct {
	Pixels *struct {
		SHA    json.RawMessage `json:"native_sha256"`
		Lossy  bool            `json:"ts_may_be_lossy"`
		Agree  bool            `json:"decoders_agree"`
		Bytes  int64           `json:"native_bytes"`
		Frame0 struct {
			Min, Max, Mean []float64
		}
	}
	SHA   string `json:"native_sha256"`
	Lossy bool
}

func (e expected) digests() map[string]bool {
	out := map[string]bool{}
	if e.SHA != "" {
		out[e.SHA] = true
	}
	if e.Pixels != nil {
		var one string
		var many map[string]string
		if json.Unmarshal(e.Pixels.SHA, &one) == nil {
			out[one] = true
		} else if json.Unmarshal(e.Pixels.SHA, &many) == nil {
			for _, s := range many {
				out[s] = true
			}
		}
	}
	return out
}

// TestCorpusDigests holds the decoded frames of every file against what at least two independent decoders found.
func TestCorpusDigests(t *testing.T) {
	dir := testdata.Shared(t, "data", "dicom")
	raw, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]expected
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	var names []string
	for name, w := range want {
		if len(w.digests()) > 0 {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	type tally struct{ lossless, exact, lossy, lossyExact int }
	table := map[string]*tally{}
	for _, name := range names {
		w := want[name]
		lossy := w.Lossy || w.Pixels != nil && w.Pixels.Lossy
		f, err := dicom.Open(filepath.Join(dir, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		ts := string(f.TransferSyntax)
		if table[ts] == nil {
			table[ts] = &tally{}
		}
		row := table[ts]
		var digest string
		digest, _, err = Digest(f)
		ok := err == nil && w.digests()[digest]
		if lossy {
			row.lossy++
		} else {
			row.lossless++
		}
		switch {
		case ok && lossy:
			row.lossyExact++
		case ok:
			row.exact++
		default:
			t.Logf("%s (%s) lossy=%v: %v", name, ts, lossy, err)
		}
		f.Close()
	}
	var keys []string
	for ts := range table {
		keys = append(keys, ts)
	}
	sort.Strings(keys)
	for _, ts := range keys {
		r := table[ts]
		t.Logf("%-28s lossless %3d of %3d exact, lossy %2d of %2d", ts, r.exact, r.lossless, r.lossyExact, r.lossy)
	}
}
