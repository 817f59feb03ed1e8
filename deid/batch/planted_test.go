package batch

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/deid/internal/planted"
	"github.com/cineloop/cineloop/deid/pixels"
	"github.com/cineloop/cineloop/internal/testdata"
)

// The corpus with invented identities planted everywhere: nothing of them may be in the output, and nothing that research needs may be lost.
func TestPlantedSet(t *testing.T) {
	src := testdata.Shared(t, "data", "dicom", "real")
	seeds := 2
	if testing.Short() {
		src, seeds = testdata.Shared(t, "data", "dicom", "real", "fo-dicom"), 1
	}
	for seed := range seeds {
		judgePlanted(t, src, "research", uint64(seed+1), false)
	}
}

// The same with every built-in policy, on a part of the corpus: what an option keeps is no leak, everything else is. With CINELOOP_PLANTED=N, N seeds of every policy on
// the whole corpus, with the pixel masker.
func TestPlantedSetWithEveryPolicy(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("CINELOOP_PLANTED"))
	src := testdata.Shared(t, "data", "dicom", "real", "dcmqi")
	if n > 0 {
		src = testdata.Shared(t, "data", "dicom", "real")
	}
	for i, name := range deid.Presets() {
		for seed := range max(1, n) {
			judgePlanted(t, src, name, uint64(100+10*i+seed), n > 0)
		}
	}
}

func judgePlanted(t *testing.T, src, preset string, seed uint64, masker bool) {
	t.Helper()
	dir := t.TempDir()
	set, err := planted.Plant(src, filepath.Join(dir, "in"), seed, 12)
	if err != nil {
		t.Fatal(err)
	}
	p, _ := deid.Preset(preset)
	pr, err := p.Compile()
	if err != nil {
		t.Fatal(err)
	}
	set.Profile, set.Dates, set.Full = pr, slices.Contains(p.Options, deid.RetainModifiedDates), slices.Contains(p.Options, deid.RetainFullDates)
	opt := Options{In: filepath.Join(dir, "in"), Out: filepath.Join(dir, "out"), Profile: pr, Key: testKey, Workers: 2}
	if masker {
		opt.Masker = pixels.New()
	} else {
		p.Pixels.Unsure = "pass" // pixels are another test's business
		pr.Digest = p.Digest()
	}
	sum, err := Run(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	v, err := set.Judge(opt.Out)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s, seed %d: %d planted in %d files, %d written, %d in quarantine; %d leaks, %d old UIDs; %d references followed, %d broken; %d dates, %d inconsistent; %d of %d research attributes kept; %d objects with the same pixels",
		preset, seed, v.Planted, v.Inputs, v.Outputs, v.Quarantined, len(v.Leaks), len(v.OldUIDs), v.Followed, len(v.Broken), v.Moved, len(v.Shifts), v.Kept, v.Asked, v.Same)
	if len(set.Skipped) > 0 {
		t.Errorf("%d files could not be planted into, the first: %s", len(set.Skipped), set.Skipped[0])
	}
	for _, list := range []struct {
		what string
		list []string
	}{{"leaks", v.Leaks}, {"old UIDs", v.OldUIDs}, {"broken references", v.Broken}, {"shifts", v.Shifts}, {"identities", v.Identities}, {"changed pixels", v.Pixels}} {
		if masker && list.what == "changed pixels" {
			continue // those of text are meant to
		}
		for i, s := range list.list {
			if i == 25 {
				t.Errorf("and %d more", len(list.list)-i)
				break
			}
			t.Errorf("%s: %s: %s", preset, list.what, s)
		}
	}
	for why, n := range sum.Reasons {
		if strings.HasPrefix(why, "verification") {
			t.Errorf("%s: cleaning and verification disagree about %d objects: %s", preset, n, why)
		}
	}
	if v.Silent != 0 {
		t.Errorf("%d inputs have no line in the manifest", v.Silent)
	}
	if preset != "research" {
		return
	}
	if v.Kept*100 < v.Asked*99 {
		t.Errorf("%d of %d research attributes kept", v.Kept, v.Asked)
	}
	for _, s := range slices.Sorted(maps.Keys(v.Lost)) {
		t.Logf("lost %d times: %s", v.Lost[s], s)
	}
	for why, n := range sum.Reasons {
		t.Logf("%5d %s", n, why)
	}
}

var testKey, _ = deid.ParseKey([]byte("a secret of the tests, long enough"))

func runTest(t *testing.T, in, out string, p *deid.Policy, workers int) string {
	t.Helper()
	pr, err := p.Compile()
	if err != nil {
		t.Fatal(err)
	}
	s, err := Run(context.Background(), Options{In: in, Out: out, Profile: pr, Key: testKey, Workers: workers, Quarantine: os.Getenv("KEEP_QUARANTINE")})
	if err != nil {
		t.Fatal(err)
	}
	if testing.Verbose() {
		for why, n := range s.Reasons {
			t.Logf("%5d %s", n, why)
		}
	}
	return out
}
