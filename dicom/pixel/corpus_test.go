package pixel

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/uid"
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

// undecoded are the syntaxes that need a codec which this package doesn't have.
var undecoded = map[string]bool{
	uid.JPEG2000Lossless: true, uid.JPEG2000: true, uid.HTJ2KLossless: true, uid.HTJ2KLosslessRPCL: true, uid.HTJ2K: true,
	uid.JPEGXLLossless: true, uid.JPEGXL: true, uid.JPEGXLJPEGRecompression: true,
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
	type tally struct{ lossless, exact, lossy, lossyExact, undecoded int }
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
		case err != nil && (undecoded[ts] || f.TransferSyntax.IsVideo()):
			row.undecoded++
		case lossy && strings.HasPrefix(name, "synthetic/"):
			// The digest is that of the image before compression: held within a tolerance by TestSameImage.
		default:
			t.Errorf("%s (%s) lossy=%v: %s, %v", name, ts, lossy, digest, err)
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
		t.Logf("%-28s lossless %3d of %3d exact, lossy %2d of %2d, not decoded %d", ts, r.exact, r.lossless, r.lossyExact, r.lossy, r.undecoded)
	}
}

// TestSameImage holds lossy forms of one image against the image: near-lossless JPEG-LS by its promise, 12-bit JPEG by the digest of what dcmtk
// 3.6.7 (dcmdjpeg) decodes.
func TestSameImage(t *testing.T) {
	_, ref := openShared(t, "synthetic/ts_same_image/ct12_1.2.1_explicit_le.dcm")
	want, err := ref.Frame(0)
	if err != nil {
		t.Fatal(err)
	}
	_, im := openShared(t, "synthetic/ts_same_image/ct12_4.81_jpegls_near3.dcm")
	got, err := im.Frame(0)
	if err != nil || len(got) != len(want) {
		t.Fatal(err)
	}
	worst := 0
	for i := 0; i < len(got); i += 2 {
		d := int(binary.LittleEndian.Uint16(got[i:])) - int(binary.LittleEndian.Uint16(want[i:]))
		worst = max(worst, d, -d)
	}
	if worst > 3 || worst == 0 {
		t.Errorf("off by %d, at most 3", worst)
	}
	f, _ := openShared(t, "synthetic/ts_same_image/ct12_4.51_jpeg_ext12.dcm")
	const dcmtk = "2b2b669b8261cdc5eb31153af4e1a32975a881a13bf8cd7d2fe749c7d5703a2b"
	if sum, _, err := Digest(f); sum != dcmtk || err != nil {
		t.Errorf("%s, %v", sum, err)
	}
}
