package cohort

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/internal/fault"
)

// Fingerprint sums up a cohort: what the planner decides by and the report shows. It is JSON without patient data, and equal cohorts
// have equal fingerprints whatever the order of their rows and the number of workers.
type Fingerprint struct {
	Version    int          `json:"version"`
	Rows       int          `json:"rows"`
	Patients   int          `json:"patients"`
	Sites      int          `json:"sites,omitempty"`
	Sampled    int          `json:"sampled"`              // clips that were decoded for what follows, spread evenly over the keys
	Unreadable []Quarantine `json:"unreadable,omitempty"` // of those tried

	Formats     map[string]int `json:"formats"`
	DTypes      map[string]int `json:"dtypes"`
	Photometric map[string]int `json:"photometric"`
	Channels    map[int]int    `json:"channels"`

	Frames     Distribution  `json:"frames"`
	Height     Distribution  `json:"height"`
	Width      Distribution  `json:"width"`
	FrameRate  *Distribution `json:"frame_rate_hz,omitempty"` // of clips with frame times; nil: none has
	DurationMS *Distribution `json:"duration_ms,omitempty"`
	SliceMM    *Distribution `json:"slice_mm,omitempty"` // of clips whose spacing is known
	RowMM      *Distribution `json:"row_mm,omitempty"`
	ColumnMM   *Distribution `json:"column_mm,omitempty"`
	Bytes      Distribution  `json:"bytes"` // of a decoded clip
	Intensity  Intensity     `json:"intensity"`

	Targets []TargetSummary `json:"targets,omitempty"`
	Groups  []GroupSummary  `json:"groups,omitempty"`
	Views   *ViewsSummary   `json:"views,omitempty"` // where data.views makes studies of clips

	TableDigest   string `json:"table_sha256"`
	FilesDigest   string `json:"files_sha256"`             // over every row's key and size in bytes
	ContentDigest string `json:"content_sha256,omitempty"` // over every row's key and content, where asked for
}

// Distribution describes N numbers. Percentiles are of the nearest rank.
type Distribution struct {
	N      int     `json:"n"`
	Min    float64 `json:"min"`
	P5     float64 `json:"p5"`
	Median float64 `json:"median"`
	P95    float64 `json:"p95"`
	Max    float64 `json:"max"`
	Mean   float64 `json:"mean"`
	SD     float64 `json:"sd"` // of the population
}

// Intensity describes stored sample values, a few thousand of each clip, every clip with equal weight.
type Intensity struct {
	Distribution
	Low        float64      `json:"p0_5"`       // 0.5 %
	High       float64      `json:"p99_5"`      // 99.5 %
	Background float64      `json:"background"` // share of samples equal to their clip's least value
	TwoValued  bool         `json:"two_valued"` // every clip has at most two values: shapes
	CaseMean   Distribution `json:"case_mean"`  // of the clips' means: wide when scanners differ in scale
	CaseSD     Distribution `json:"case_sd"`    // of the clips' standard deviations
}

// TargetSummary counts a target's truth over all rows.
type TargetSummary struct {
	Name    string        `json:"name"`
	Kind    string        `json:"kind"`
	Unit    string        `json:"unit,omitempty"`
	Known   int           `json:"known"` // rows
	Missing int           `json:"missing"`
	Classes []Count       `json:"classes,omitempty"` // binary: 0 and 1; multilabel: the positives of each label
	Cuts    []float64     `json:"cuts,omitempty"`    // time-to-event: where survival is predicted
	Values  *Distribution `json:"values,omitempty"`  // regression
}

// GroupSummary counts the rows of a subgroup column; the unknown come last under an empty name.
type GroupSummary struct {
	Name   string  `json:"name"`
	Counts []Count `json:"counts"`
}

// Count is how many rows and patients have a name.
type Count struct {
	Name     string `json:"name"`
	Rows     int    `json:"rows"`
	Patients int    `json:"patients"`
}

// FingerprintOptions bounds the work. The zero value decodes at most 64 clips and 4 GiB of them.
type FingerprintOptions struct {
	MaxClips int    // clips that are decoded; 0: 64; -1: all
	MaxBytes int64  // of decoded clips, after which no more are taken; 0: 4 GiB
	Workers  int    // 0: GOMAXPROCS
	Content  bool   // digest every file's bytes
	Cache    *Cache // keeps what is decoded, in its colours, for loaders that want those; may be nil

	reader reader
}

const fingerprintVersion = 1

// samplesPerClip is how many stored values of each clip are looked at.
const samplesPerClip = 4096

// Fingerprint decodes a sample of the clips and sums up the cohort. Clips that cannot be read are listed; when none can, the error is of
// code input.
func (c *Cohort) Fingerprint(ctx context.Context, opt FingerprintOptions) (*Fingerprint, error) {
	if opt.MaxClips == 0 {
		opt.MaxClips = 64
	}
	if opt.MaxBytes == 0 {
		opt.MaxBytes = 4 << 30
	}
	if opt.Workers <= 0 {
		opt.Workers = runtime.GOMAXPROCS(0)
	}
	if opt.reader.open == nil {
		opt.reader = clipReader
	}
	if opt.Cache == nil {
		opt.Cache, _ = NewCache(CacheConfig{}) // cannot fail without a folder
	}
	f := &Fingerprint{Version: fingerprintVersion, Rows: len(c.Rows), Patients: c.Patients(c.All()), Sites: c.sites(), TableDigest: c.Digest,
		Formats: map[string]int{}, DTypes: map[string]int{}, Photometric: map[string]int{}, Channels: map[int]int{}}
	byKey := c.All()
	slices.SortFunc(byKey, func(a, b int) int { return cmp.Compare(c.Rows[a].ID, c.Rows[b].ID) })
	if err := c.lookAtClips(ctx, f, spread(c.filesOf(byKey), opt.MaxClips), opt); err != nil {
		return nil, err
	}
	for _, t := range c.Spec.Targets {
		f.Targets = append(f.Targets, c.summarise(t, c.All()))
	}
	for g, name := range c.Groups {
		f.Groups = append(f.Groups, GroupSummary{name, c.count(c.All(), func(i int) (string, bool) { return c.Rows[i].Groups[g], true }, nil)})
	}
	f.Views = c.summariseViews()
	var err error
	if f.FilesDigest, err = c.digestFiles(ctx, byKey, opt.Workers, fileSize); err != nil {
		return nil, err
	}
	if opt.Content {
		f.ContentDigest, err = c.digestFiles(ctx, byKey, opt.Workers, contentOf)
	}
	return f, err
}

// Digest is the SHA-256 of the fingerprint's JSON.
func (f *Fingerprint) Digest() string {
	b, err := json.Marshal(f)
	if err != nil {
		panic(err) // every number in it is finite
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func (c *Cohort) sites() int {
	seen := map[string]bool{}
	for _, r := range c.Rows {
		if r.Site != "" {
			seen[r.Site] = true
		}
	}
	return len(seen)
}

// spread takes n of rows evenly; all when n is negative or not fewer.
func spread[T any](rows []T, n int) []T {
	if n < 0 || n >= len(rows) {
		return rows
	}
	out := make([]T, n)
	for i := range out {
		out[i] = rows[i*len(rows)/n]
	}
	return out
}

// look is what one clip adds to the fingerprint.
type look struct {
	file file
	clip *clip.Clip // without samples
	size int64
	vals []float64 // ascending
	err  error
}

// fingerprintWave is how many clips are decoded before the bytes are counted: fixed, so that the sample does not depend on the machine.
const fingerprintWave = 16

func (c *Cohort) lookAtClips(ctx context.Context, f *Fingerprint, rows []file, opt FingerprintOptions) error {
	var looks []look
	var total int64
	for len(rows) > 0 && total < opt.MaxBytes {
		wave := rows[:min(fingerprintWave, len(rows))]
		rows = rows[len(wave):]
		results := make([]look, len(wave))
		parallel(opt.Workers, len(wave), func(i int) { results[i] = lookAt(ctx, wave[i], opt) })
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("reading the fingerprint: %w", err)
		}
		for _, l := range results {
			if fatal(ctx, l.err) {
				return fmt.Errorf("reading the fingerprint: %w", l.err)
			}
			if l.err != nil {
				r := l.file
				f.Unreadable = append(f.Unreadable, Quarantine{r.Line, r.ID, WithoutPath(l.err, r.Path)})
				continue
			}
			total += l.size
			looks = append(looks, l)
		}
	}
	if len(looks) == 0 {
		return fault.New(fault.Input, "none of the %d clips that were tried can be read; line %d: %s", len(f.Unreadable), f.Unreadable[0].Line, f.Unreadable[0].Reason)
	}
	f.add(looks)
	return nil
}

func lookAt(ctx context.Context, at file, opt FingerprintOptions) (l look) {
	l.file = at
	defer func() {
		if v := recover(); v != nil {
			l.err = fmt.Errorf("the decoder failed: %v", v)
		}
	}()
	cl, err := opt.Cache.get(ctx, source{path: at.Path}, opt.reader.open)
	if err != nil {
		l.err = err
		return l
	}
	head := *cl
	head.Data = nil
	l.clip, l.size, l.vals = &head, int64(len(cl.Data)), storedValues(cl, samplesPerClip)
	return l
}

// parallel calls f(0) … f(n-1) on at most workers goroutines and waits for all.
func parallel(workers, n int, f func(i int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(workers, n) {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// storedValues is up to n samples of c at even distances, ascending; values that are not finite are left out.
func storedValues(c *clip.Clip, n int) []float64 {
	switch c.DType {
	case clip.Uint8:
		return every(clip.Samples[uint8](c), n)
	case clip.Int8:
		return every(clip.Samples[int8](c), n)
	case clip.Uint16:
		return every(clip.Samples[uint16](c), n)
	case clip.Int16:
		return every(clip.Samples[int16](c), n)
	case clip.Int32:
		return every(clip.Samples[int32](c), n)
	case clip.Float32:
		return every(clip.Samples[float32](c), n)
	}
	return every(clip.Samples[float64](c), n)
}

func every[T clip.Number](s []T, n int) []float64 {
	n = min(n, len(s))
	out := make([]float64, 0, n)
	for i := range n {
		if v := float64(s[i*len(s)/n]); !math.IsNaN(v) && !math.IsInf(v, 0) {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return out
}
