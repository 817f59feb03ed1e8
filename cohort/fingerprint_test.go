package cohort

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/internal/fault"
)

// stills is a cohort of n files whose clips openStill makes.
func stills(t *testing.T, n int) *Cohort {
	dir := t.TempDir()
	c := &Cohort{Digest: "table", Groups: []string{"sex"}}
	c.Spec.Targets = []TargetSpec{{Name: "ef", Kind: Regression, Unit: "%"}, {Name: "y", Kind: Binary}, {Name: "k", Kind: Class, Classes: []string{"a", "b", "c"}},
		{Name: "m", Kind: MultiLabel, Classes: []string{"l1", "l2"}, Columns: []string{"l1", "l2"}}}
	for i := range n {
		path := filepath.Join(dir, fmt.Sprintf("%03d", i))
		if err := os.WriteFile(path, []byte(strings.Repeat("x", i+1)), 0o600); err != nil {
			t.Fatal(err)
		}
		ef := float64(i)
		if i == 3 {
			ef = nan()
		}
		c.Rows = append(c.Rows, Row{ID: fmt.Sprintf("k%03d", i), Patient: fmt.Sprint("p", i/2), Site: []string{"", "s1", "s2"}[i%3], Path: path, Line: i + 2,
			Groups: []string{[]string{"F", "M", ""}[i%3]},
			Truth:  map[string][]float64{"ef": {ef}, "y": {float64(i % 2)}, "k": {float64(i % 2)}, "m": {1, nan()}}})
	}
	return c
}

// openStill gives file i a clip of i+1 frames of 2×2: values 0, 0, 0, 10·(i+1) in every frame.
func openStill(_ context.Context, src source) (*clip.Clip, error) {
	var i int
	if _, err := fmt.Sscanf(filepath.Base(src.path), "%d", &i); err != nil {
		return nil, err
	}
	if i == 2 {
		return nil, errors.New("cut short")
	}
	c := clip.New(clip.Uint8, i+1, 2, 2, 1)
	for t := range c.T {
		c.Frame(t)[3] = byte(10 * (i + 1))
		c.TimesMS = append(c.TimesMS, float64(40*t))
	}
	if i%2 == 0 {
		c.TimesMS, c.Spacing = nil, clip.Spacing{Slice: 2, Row: 0.5, Column: 0.5}
	}
	c.Source.Format = "test"
	return c, nil
}

func TestFingerprint(t *testing.T) {
	c := stills(t, 6)
	opt := FingerprintOptions{Workers: 3, Content: true, reader: reader{open: openStill}}
	f, err := c.Fingerprint(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	if f.Rows != 6 || f.Patients != 3 || f.Sites != 2 || f.Sampled != 5 {
		t.Errorf("%+v", f)
	}
	if d := cmp.Diff([]Quarantine{{4, "k002", "cut short"}}, f.Unreadable); d != "" {
		t.Error(d)
	}
	// Clips of 1, 2, 4, 5 and 6 frames: mean 3.6, variance (6.76+2.56+0.16+1.96+5.76)/5 = 3.44.
	frames := Distribution{N: 5, Min: 1, P5: 1, Median: 4, P95: 6, Max: 6, Mean: 3.6, SD: math.Sqrt(3.44)}
	if d := cmp.Diff(frames, f.Frames, approx); d != "" {
		t.Error(d)
	}
	// Clips 1, 3 and 5 have times, 40 ms apart, over 40, 120 and 200 ms; clips 0 and 4 have spacing.
	if f.FrameRate.N != 3 || f.FrameRate.Mean != 25 || f.DurationMS.Median != 120 || f.SliceMM.N != 2 || f.SliceMM.Max != 2 || f.RowMM.Median != 0.5 {
		t.Errorf("rate %+v duration %+v slice %+v", f.FrameRate, f.DurationMS, f.SliceMM)
	}
	// A quarter of every clip is its value 10·n, the rest 0: case means 2.5·n over n = 1, 2, 4, 5, 6.
	in := f.Intensity
	if !in.TwoValued || in.Background != 0.75 || in.Min != 0 || in.Max != 60 || in.High != 60 || in.Low != 0 || in.Median != 0 || math.Abs(in.CaseMean.Mean-9) > 1e-12 || in.N != 4*18 {
		t.Errorf("%+v", in)
	}
	if d := cmp.Diff(map[string]int{"uint8": 5}, f.DTypes); d != "" || f.Formats["test"] != 5 || f.Channels[1] != 5 || f.Photometric["grey"] != 5 {
		t.Error(d, f)
	}
	want := []TargetSummary{
		{Name: "ef", Kind: Regression, Unit: "%", Known: 5, Missing: 1, Values: &Distribution{5, 0, 0, 2, 5, 5, 2.4, math.Sqrt(3.44)}},
		{Name: "y", Kind: Binary, Known: 6, Classes: []Count{{"0", 3, 3}, {"1", 3, 3}}},
		{Name: "k", Kind: Class, Known: 6, Classes: []Count{{"a", 3, 3}, {"b", 3, 3}, {"c", 0, 0}}},
		{Name: "m", Kind: MultiLabel, Missing: 6, Classes: []Count{{"l1", 6, 3}, {"l2", 0, 0}}},
	}
	if d := cmp.Diff(want, f.Targets, approx); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]GroupSummary{{"sex", []Count{{"F", 2, 2}, {"M", 2, 2}, {"", 2, 2}}}}, f.Groups); d != "" {
		t.Error(d)
	}
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var back Fingerprint
	if err := json.Unmarshal(b, &back); err != nil || back.Digest() != f.Digest() {
		t.Errorf("the JSON does not give the fingerprint back: %v", err)
	}
	if strings.Contains(string(b), "p0") && strings.Contains(string(b), `"p0"`) {
		t.Error("a patient's key is in the fingerprint")
	}

	// The same whatever the order of rows and the workers; another with one more byte in one file.
	turned := stills(t, 6)
	slices.Reverse(turned.Rows)
	opt.Workers = 1
	g, err := turned.Fingerprint(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	if g.Digest() != f.Digest() {
		t.Error(cmp.Diff(f, g))
	}
	if err := os.WriteFile(turned.Rows[1].Path, []byte("xxxxy"), 0o600); err != nil { // as long as before
		t.Fatal(err)
	}
	if g, err = turned.Fingerprint(context.Background(), opt); err != nil || g.FilesDigest != f.FilesDigest || g.ContentDigest == f.ContentDigest {
		t.Errorf("a changed byte: %v", err)
	}
}

var approx = cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-9 })

func TestFingerprintIsBounded(t *testing.T) {
	c := stills(t, 40)
	opened := 0
	cache, err := NewCache(CacheConfig{Bytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	opt := FingerprintOptions{MaxClips: 7, Workers: 1, Cache: cache, reader: reader{open: func(ctx context.Context, src source) (*clip.Clip, error) {
		opened++
		return openStill(ctx, source{path: filepath.Join(filepath.Dir(src.path), "000")})
	}}}
	f, err := c.Fingerprint(context.Background(), opt)
	if err != nil || f.Sampled != 7 || opened != 7 || cache.Stats().Clips != 7 {
		t.Errorf("%v, %d sampled, %d opened", err, f.Sampled, opened)
	}
	opt.MaxClips, opt.MaxBytes = -1, 1
	if f, err = c.Fingerprint(context.Background(), opt); err != nil || f.Sampled != fingerprintWave {
		t.Errorf("%v: %d clips although one byte was allowed; a wave is %d", err, f.Sampled, fingerprintWave)
	}
}

func TestFingerprintErrors(t *testing.T) {
	c := stills(t, 3)
	fails := func(err error) FingerprintOptions {
		return FingerprintOptions{reader: reader{open: func(context.Context, source) (*clip.Clip, error) { return nil, err }}}
	}
	if _, err := c.Fingerprint(context.Background(), fails(errors.New("bad"))); fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), "none of the 3 clips that were tried can be read; line 2: bad") {
		t.Errorf("%v", err)
	}
	if _, err := c.Fingerprint(context.Background(), fails(fault.New(fault.Missing, "no ffmpeg"))); fault.CodeOf(err) != fault.Missing {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Fingerprint(ctx, FingerprintOptions{reader: reader{open: openStill}}); fault.CodeOf(err) != fault.Interrupted {
		t.Errorf("%v", err)
	}
	panics := FingerprintOptions{reader: reader{open: func(context.Context, source) (*clip.Clip, error) { panic("index") }}}
	if _, err := c.Fingerprint(context.Background(), panics); fault.CodeOf(err) != fault.Input {
		t.Errorf("%v", err)
	}
}

func TestStoredValues(t *testing.T) {
	for _, dt := range []clip.DType{clip.Uint8, clip.Int8, clip.Uint16, clip.Int16, clip.Int32, clip.Float32, clip.Float64} {
		if v := storedValues(clip.New(dt, 1, 2, 3, 1), 4); len(v) != 4 || v[0] != 0 {
			t.Errorf("%v: %v", dt, v)
		}
	}
	c := clip.New(clip.Float64, 1, 1, 4, 1)
	copy(clip.Samples[float64](c), []float64{3, math.Inf(1), nan(), -1})
	if v := storedValues(c, 10); !slices.Equal(v, []float64{-1, 3}) {
		t.Errorf("%v", v)
	}
	c = clip.New(clip.Float64, 1, 1, 2, 1)
	copy(clip.Samples[float64](c), []float64{-1e300, 1e300})
	if _, err := json.Marshal(distribution(storedValues(c, 2))); err != nil {
		t.Errorf("huge values cannot be written: %v", err)
	}
}

func TestRankValue(t *testing.T) {
	v := []float64{1, 2, 3, 4}
	for p, want := range map[float64]float64{0: 1, 0.25: 1, 0.26: 2, 0.5: 2, 0.75: 3, 0.76: 4, 1: 4} {
		if got := rankValue(v, p); got != want {
			t.Errorf("the %g quantile of 1, 2, 3, 4 is %g, want %g", p, got, want)
		}
	}
}
