package pixel

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/internal/fault"
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

// otherForm are four files whose digest in expected.json is not of the stored samples in the corpus's own convention, although it is of the
// same samples: colour by plane where all others are by pixel, and single bits as bytes, cut off at the length of the packed bits. What
// is decoded is brought into that form and must then agree; opj_decompress 2.5.0 gives what Frame gives (TestCorpusLossy for the
// colour ones, and the native file of the same segmentation for the bits).
var otherForm = map[string]func(im *Image, frames []byte) []byte{
	"real/pydicom-data/HTJ2KLossless_08_RGB.dcm": byPlane, "real/pydicom-data/HTJ2K_08_RGB.dcm": byPlane,
	"real/pydicom-data/liver_j2k.dcm": cutBits, "real/pydicom-data/liver_nonbyte_aligned_j2k.dcm": cutBits,
}

func byPlane(im *Image, b []byte) []byte {
	out := make([]byte, len(b))
	n := len(b) / im.Samples
	for i, v := range b {
		out[i%im.Samples*n+i/im.Samples] = v
	}
	return out
}

func cutBits(_ *Image, b []byte) []byte { return b[:(len(b)+7)/8] }

// agrees reports whether f's frames, in the form of otherForm, have one of the digests.
func agrees(t *testing.T, f *dicom.File, form func(*Image, []byte) []byte, digests map[string]bool) bool {
	t.Helper()
	im, err := Open(f)
	if err != nil {
		t.Error(err)
		return false
	}
	var all []byte
	if err := im.EachFrame(context.Background(), func(_ int, b []byte) error { all = append(all, b...); return nil }); err != nil {
		t.Error(err)
		return false
	}
	sum := sha256.Sum256(form(im, all))
	return digests[hex.EncodeToString(sum[:])]
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
	for k, name := range names {
		if testing.Short() && k%8 != 0 {
			continue
		}
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
		if form := otherForm[name]; form != nil && err == nil {
			ok = agrees(t, f, form, w.digests())
		}
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
		case err != nil && fault.CodeOf(CanDecode(f.TransferSyntax)) == fault.Missing:
			row.undecoded++
		case lossy && strings.HasPrefix(name, "synthetic/"):
			// The digest is that of the image before compression: see TestCorpusLossy.
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

// TestCorpusLossy holds lossy forms of one image against what an independent decoder makes of them (dcmdjpeg of dcmtk 3.6.7, gdcmconv 3.0.21 with
// CharLS, opj_decompress 2.5.0), by digest, and against the image before compression. expected.json has only the latter's digest for the synthetic
// ones, which no decoder can give.
func TestCorpusLossy(t *testing.T) {
	const same = "synthetic/ts_same_image/"
	for _, c := range []struct {
		name, original, sum string
		worst               float64 // largest difference from the image before compression
	}{
		{same + "ct12_4.51_jpeg_ext12.dcm", same + "ct12_1.2.1_explicit_le.dcm", "2b2b669b8261cdc5eb31153af4e1a32975a881a13bf8cd7d2fe749c7d5703a2b", 8},
		{same + "ct12_4.81_jpegls_near3.dcm", same + "ct12_1.2.1_explicit_le.dcm", "1e25806d1994dd0ee0222941556c26dff88546c4fa345a431a24463013b9be10", 3},
		{same + "ctu_4.91_j2k_lossy.dcm", same + "ctu_1.2.1_explicit_le.dcm", "8af6247dfa93449dc49f1579dd2c072a1f94424e19a5db0bdff7697bac327992", 250},
		{same + "ctu_4.203_htj2k_lossy.dcm", same + "ctu_1.2.1_explicit_le.dcm", "3128d656074028f560976711b948026fc25058c25a2c48108259c4e0097ff8c2", 250},
		{same + "ctu_4.112_jxl_lossy.dcm", same + "ctu_1.2.1_explicit_le.dcm", "", 1100}, // 596 bytes for 24,576,
		{"real/pydicom-data/HTJ2KLossless_08_RGB.dcm", "", "9d87240604f5d7522c6a8056ace6cefc2c8d6d0b07bd6e7303d5e5b21af9a49e", 0},
		{"real/pydicom-data/HTJ2K_08_RGB.dcm", "real/pydicom-data/HTJ2KLossless_08_RGB.dcm", "16463ac9d0b0c70eed678971adf2076815b73148cff485ade090beb64868f7e3", 30},
	} {
		f, im := openShared(t, c.name)
		if err := CanDecode(f.TransferSyntax); err != nil {
			t.Logf("%s: %v", c.name, err)
			continue
		}
		got, err := im.Frame(0)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if sum := sha256.Sum256(got); c.sum != "" && hex.EncodeToString(sum[:]) != c.sum {
			t.Errorf("%s: %x is not what the other decoder gives", c.name, sum)
		}
		if c.original == "" {
			continue
		}
		_, ref := openShared(t, c.original)
		want, err := ref.Frame(0)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%s: %d bytes of %d, %v", c.original, len(got), len(want), err)
		}
		// In modality values: the writer of the 12-bit JPEG moved the samples, and the intercept with them.
		worst := 0.0
		a, err := im.Values(0)
		if err != nil {
			t.Fatal(err)
		}
		b, err := ref.Values(0)
		if err != nil {
			t.Fatal(err)
		}
		for i := range a {
			worst = max(worst, math.Abs(a[i]-b[i]))
		}
		if worst == 0 || worst > c.worst {
			t.Errorf("%s: off by %v, at most %v", c.name, worst, c.worst)
		}
	}
	f, _ := openShared(t, "real/pydicom-data/liver_nonbyte_aligned_j2k.dcm")
	g, _ := openShared(t, "real/pydicom-data/liver_nonbyte_aligned.dcm")
	if CanDecode(f.TransferSyntax) == nil {
		want, _, err := Digest(g)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := Digest(f); got != want || err != nil {
			t.Errorf("single bits: %s, %v", got, err)
		}
	}
}
