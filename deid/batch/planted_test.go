package batch

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/deid/internal/planted"
	"github.com/cineloop/cineloop/internal/testdata"
)

// The corpus with invented identities planted everywhere: nothing of them may be in the output, and nothing that research needs may be lost.
func TestPlantedSet(t *testing.T) {
	src := testdata.Shared(t, "data", "dicom", "real")
	seeds := []uint64{1, 2}
	if testing.Short() {
		src, seeds = testdata.Shared(t, "data", "dicom", "real", "fo-dicom"), seeds[:1]
	}
	for _, seed := range seeds {
		dir := t.TempDir()
		set, err := planted.Plant(src, filepath.Join(dir, "in"), seed, 12)
		if err != nil {
			t.Fatal(err)
		}
		p, _ := deid.Preset("research")
		p.Pixels.Unsure = "pass" // pixels are another test's business
		out := runTest(t, filepath.Join(dir, "in"), filepath.Join(dir, "out"), p, 2)
		v, err := set.Judge(out)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("seed %d: %d planted in %d files, %d written, %d in quarantine; %d of %d research attributes kept", seed, v.Planted, v.Inputs, v.Outputs, v.Quarantined, v.Kept, v.Asked)
		for _, list := range []struct {
			what string
			list []string
		}{{"leaks", v.Leaks}, {"old UIDs", v.OldUIDs}, {"broken references", v.Broken}, {"shifts", v.Shifts}, {"identities", v.Identities}, {"changed pixels", v.Pixels}} {
			for i, s := range list.list {
				if i == 25 {
					t.Errorf("and %d more", len(list.list)-i)
					break
				}
				t.Errorf("%s: %s", list.what, s)
			}
		}
		if v.Silent != 0 {
			t.Errorf("%d inputs have no line in the manifest", v.Silent)
		}
		if v.Kept*100 < v.Asked*99 {
			t.Errorf("%d of %d research attributes kept", v.Kept, v.Asked)
		}
		for _, s := range slices.Sorted(maps.Keys(v.Lost)) {
			t.Logf("lost %d times: %s", v.Lost[s], s)
		}
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
