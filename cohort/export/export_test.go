package export

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// study makes a cohort of five items: a cine of 3 frames, a stack with geometry, a colour image, a file that is no image, and 16-bit
// frames larger than one chunk.
func study(t *testing.T) (*cohort.Cohort, []*cohort.Split) {
	t.Helper()
	dir := t.TempDir()
	save := func(name string, c *clip.Clip) {
		if err := clip.Save(filepath.Join(dir, name), c); err != nil {
			t.Fatal(err)
		}
	}
	fill := func(c *clip.Clip) *clip.Clip {
		for i := range c.Data {
			c.Data[i] = byte(i*7 + i>>8)
		}
		return c
	}
	cine := fill(clip.New(clip.Uint8, 3, 4, 5, 1))
	cine.TimesMS = []float64{0, 20, 40}
	save("jones.nii", cine)
	stack := fill(clip.New(clip.Int16, 2, 3, 4, 1))
	stack.Spacing = clip.Spacing{Slice: 5, Row: 0.5, Column: 0.25}
	stack.Affine = &clip.Affine{{0.25, 0, 0, -10}, {0, 0.5, 0, 20}, {0, 0, 5, 30}}
	save("meyer.nii.gz", stack)
	save("b.npy", fill(clip.New(clip.Uint8, 1, 6, 7, 3)))
	if err := os.WriteFile(filepath.Join(dir, "broken.npy"), []byte("\x93NUMPY\x01\x00"), 0o644); err != nil {
		t.Fatal(err)
	}
	save("large.npy", fill(clip.New(clip.Uint16, 5, 1024, 1024, 1)))
	table := "file,who,ef,lvh,part\njones.nii,p1,55.5,yes,train\nmeyer.nii.gz,p2,,no,train\nb.npy,p3,40,no,val\nbroken.npy,p4,1,no,test\nlarge.npy,p5,61,yes,test\n"
	if err := os.WriteFile(filepath.Join(dir, "t.csv"), []byte(table), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := cohort.Load(t.Context(), cohort.Spec{Root: dir, Table: "t.csv", File: "{file}", Patient: "who", Targets: []cohort.TargetSpec{
		{Name: "ef", Kind: cohort.Regression}, {Name: "lvh", Kind: cohort.Class, Classes: []string{"no", "yes"}}}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Split(cohort.SplitSpec{Name: "given", By: cohort.ByColumn, Column: "part"}, stats.Seed(1))
	if err != nil {
		t.Fatal(err)
	}
	return c, []*cohort.Split{s}
}

// contents is every file of a folder.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		out[filepath.ToSlash(rel)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func write(t *testing.T, c *cohort.Cohort, s []*cohort.Split, opt Options) *Report {
	t.Helper()
	r, err := Write(t.Context(), c, s, opt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestEveryFormat reads the samples back and holds them against the source; nothing in a file's name comes from the source.
func TestEveryFormat(t *testing.T) {
	c, s := study(t)
	for _, f := range Formats {
		t.Run(string(f), func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			r := write(t, c, s, Options{Out: out, Format: f, ShardItems: 2})
			if r.Items != 4 || len(r.Quarantine) != 1 || r.Quarantine[0].Line != 5 || fault.CodeOf(r.Partial()) != fault.Partial {
				t.Fatalf("report %+v", r)
			}
			files := contents(t, out)
			for name := range files {
				for _, secret := range []string{"jones", "meyer", "large", "p1"} {
					if strings.Contains(name, secret) {
						t.Errorf("file %s is named after its source", name)
					}
				}
			}
			for _, i := range []int{0, 1, 2, 4} {
				want, err := clip.Open(c.Rows[i].Path)
				if err != nil {
					t.Fatal(err)
				}
				got := reread(t, out, files, f, i)
				if got.T != want.T || got.H != want.H || got.W != want.W || got.C != want.C || got.DType != want.DType || !bytes.Equal(got.Data, want.Data) {
					t.Errorf("item %d: [%d %d %d %d] %v differs from the source", i+1, got.T, got.H, got.W, got.C, got.DType)
				}
				if f == NIfTI && i == 1 && (got.Affine == nil || *got.Affine != *want.Affine || got.Spacing != want.Spacing) {
					t.Errorf("geometry %v %v", got.Affine, got.Spacing)
				}
			}
			checkManifest(t, files)
		})
	}
}

// reread opens item i of an export by what the format promises, without this package's code.
func reread(t *testing.T, out string, files map[string]string, f Format, i int) *clip.Clip {
	t.Helper()
	name := ""
	switch f {
	case NIfTI:
		name = fmt.Sprintf("items/%06d.nii.gz", i+1)
	case NPY, NPZ:
		name = fmt.Sprintf("items/%06d.%s", i+1, f)
	case Zarr:
		return readZarr(t, files, fmt.Sprintf("items.zarr/%06d/", i+1))
	case WebDataset:
		r := tar.NewReader(strings.NewReader(files[fmt.Sprintf("shard-%06d.tar", i/2)]))
		for {
			h, err := r.Next()
			if err != nil {
				t.Fatalf("item %d is not in its shard: %v", i+1, err)
			}
			if h.Name != fmt.Sprintf("%06d.npy", i+1) {
				continue
			}
			b, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			name = "member.npy"
			out = t.TempDir()
			if err := os.WriteFile(filepath.Join(out, name), b, 0o644); err != nil {
				t.Fatal(err)
			}
			var about item
			if h, err = r.Next(); err != nil || h.Name != fmt.Sprintf("%06d.json", i+1) {
				t.Fatalf("after the array stands %v, %v", h, err)
			}
			if err := json.NewDecoder(r).Decode(&about); err != nil || about.Number != i+1 {
				t.Fatalf("%+v, %v", about, err)
			}
			break
		}
	}
	c, err := clip.Open(filepath.Join(out, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// readZarr is a reader of the specification's regular chunks with the codecs bytes and gzip.
func readZarr(t *testing.T, files map[string]string, at string) *clip.Clip {
	t.Helper()
	var m struct {
		Format   int    `json:"zarr_format"`
		Node     string `json:"node_type"`
		Shape    []int
		DataType string `json:"data_type"`
		Grid     struct {
			Configuration struct {
				Shape []int `json:"chunk_shape"`
			}
		} `json:"chunk_grid"`
		Codecs []struct{ Name string }
	}
	if err := json.Unmarshal([]byte(files[at+"zarr.json"]), &m); err != nil {
		t.Fatal(err)
	}
	if m.Format != 3 || m.Node != "array" || len(m.Codecs) != 2 || m.Codecs[0].Name != "bytes" || m.Codecs[1].Name != "gzip" {
		t.Fatalf("%+v", m)
	}
	types := map[string]clip.DType{"uint8": clip.Uint8, "int16": clip.Int16, "uint16": clip.Uint16}
	shape := append(slices.Clone(m.Shape), 1)[:4]
	c := clip.New(types[m.DataType], shape[0], shape[1], shape[2], shape[3])
	per := m.Grid.Configuration.Shape[0]
	for k := 0; k*per < c.T; k++ {
		z, err := gzip.NewReader(strings.NewReader(files[at+"c/"+fmt.Sprint(k)+strings.Repeat("/0", len(m.Shape)-1)]))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(z)
		if err != nil || len(b) != per*c.FrameBytes() {
			t.Fatalf("chunk %d has %d bytes: %v", k, len(b), err)
		}
		copy(c.Data[k*per*c.FrameBytes():], b)
	}
	return c
}

// checkManifest holds the manifest against the files.
func checkManifest(t *testing.T, files map[string]string) {
	t.Helper()
	var m manifest
	if err := json.Unmarshal([]byte(files[ManifestFile]), &m); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	listed := []string{ManifestFile}
	for _, f := range m.Files {
		listed = append(listed, f.Path)
		if err := os.WriteFile(filepath.Join(dir, "x"), []byte(files[f.Path]), 0o644); err != nil {
			t.Fatal(err)
		}
		if d, err := digestOf(dir, "x"); err != nil || d.SHA256 != f.SHA256 || d.Bytes != f.Bytes {
			t.Errorf("%s: %+v, %v", f.Path, d, err)
		}
	}
	slices.Sort(listed)
	if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, listed) {
		t.Errorf("files %v, listed %v", got, listed)
	}
}

// TestIndex reads the table back by column name.
func TestIndex(t *testing.T) {
	c, s := study(t)
	out := filepath.Join(t.TempDir(), "out")
	write(t, c, s, Options{Out: out, Format: NPY})
	type row struct {
		Item   int64     `parquet:"item"`
		ID     string    `parquet:"id"`
		File   string    `parquet:"file"`
		Frames int64     `parquet:"frames"`
		Slice  *float64  `parquet:"slice_mm,optional"`
		Rate   *float64  `parquet:"frame_rate_hz,optional"`
		Times  []float64 `parquet:"times_ms"`
		Affine []float64 `parquet:"affine_lps"`
		EF     *float64  `parquet:"target.ef,optional"`
		LVH    string    `parquet:"target.lvh,optional"`
		Part   string    `parquet:"split.given,optional"`
		Cell   string    `parquet:"table.who,optional"`
	}
	rows, err := parquet.ReadFile[row](filepath.Join(out, IndexFile))
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 4 {
		t.Fatalf("%d rows", len(rows))
	}
	first, second, last := rows[0], rows[1], rows[3]
	if first.Item != 1 || first.ID != "jones.nii" || first.File != "items/000001.npy" || first.Frames != 3 || first.Slice != nil || first.Rate == nil || *first.Rate != 50 ||
		!slices.Equal(first.Times, []float64{0, 20, 40}) || len(first.Affine) != 0 || first.EF == nil || *first.EF != 55.5 || first.LVH != "yes" || first.Part != "train" {
		t.Errorf("first row %+v", first)
	}
	if second.EF != nil || second.Slice == nil || *second.Slice != 5 || !slices.Equal(second.Affine, []float64{0.25, 0, 0, -10, 0, 0.5, 0, 20, 0, 0, 5, 30}) || len(second.Times) != 0 {
		t.Errorf("second row %+v", second)
	}
	if last.Item != 5 || last.Part != "test" || last.Cell != "p5" {
		t.Errorf("last row %+v", last)
	}
}

// TestSameBytes: one worker or four, in one go or cut short and taken up again, with half a line in the journal and half an array on disk.
func TestSameBytes(t *testing.T) {
	c, s := study(t)
	for _, f := range Formats {
		base := t.TempDir()
		write(t, c, s, Options{Out: filepath.Join(base, "a"), Format: f, Workers: 1, ShardItems: 2})
		ctx, cancel := context.WithCancel(t.Context())
		half := Options{Out: filepath.Join(base, "b"), Format: f, Workers: 1, ShardItems: 2, Progress: func(n int) {
			if n >= 2 {
				cancel()
			}
		}}
		if _, err := Write(ctx, c, s, half); fault.CodeOf(err) != fault.Interrupted {
			t.Fatalf("%s: cut short: %v", f, err)
		}
		if _, err := os.Stat(filepath.Join(base, "b", ManifestFile)); err == nil {
			t.Fatalf("%s: a manifest of an unfinished export", f)
		}
		j, err := os.OpenFile(filepath.Join(base, "b", journalFile), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := j.WriteString(`{"piece":"items/0000`); err != nil {
			t.Fatal(err)
		}
		j.Close()
		if f == Zarr {
			torn := filepath.Join(base, "b", "items.zarr", "000005", "c", "9", "0")
			if err := os.MkdirAll(torn, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(torn, "0"), []byte("x"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		r := write(t, c, s, Options{Out: filepath.Join(base, "b"), Format: f, Workers: 4, ShardItems: 2})
		if r.Kept == 0 || r.Kept == r.Items {
			t.Errorf("%s: %d of %d kept", f, r.Kept, r.Items)
		}
		a, b := contents(t, filepath.Join(base, "a")), contents(t, filepath.Join(base, "b"))
		if !maps.Equal(a, b) {
			t.Errorf("%s: the exports differ: %d and %d files", f, len(a), len(b))
		}
		if r := write(t, c, s, Options{Out: filepath.Join(base, "b"), Format: f, ShardItems: 2}); r.Kept != r.Items {
			t.Errorf("%s: repeated: %+v", f, r)
		}
	}
}

func TestRefusals(t *testing.T) {
	c, s := study(t)
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "thesis.doc"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	done := filepath.Join(t.TempDir(), "out")
	write(t, c, s, Options{Out: done, Format: NPY})
	damaged := filepath.Join(t.TempDir(), "out")
	write(t, c, s, Options{Out: damaged, Format: NPY})
	if err := os.Truncate(filepath.Join(damaged, "items", "000001.npy"), 5); err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]struct {
		opt  Options
		want fault.Code
	}{
		"a format of another field":   {Options{Out: t.TempDir(), Format: "tiff"}, fault.Usage},
		"a folder with other things":  {Options{Out: full, Format: NPY}, fault.Conflict},
		"an export in another format": {Options{Out: done, Format: NPZ}, fault.Conflict},
		"a damaged export":            {Options{Out: damaged, Format: NPY}, fault.Conflict},
	} {
		if _, err := Write(t.Context(), c, s, k.opt); fault.CodeOf(err) != k.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, r := range c.Rows {
		if err := os.WriteFile(r.Path, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Write(t.Context(), c, s, Options{Out: filepath.Join(t.TempDir(), "x"), Format: NPY}); fault.CodeOf(err) != fault.Input {
		t.Errorf("nothing readable: %v", err)
	}
}

// TestFolds: in cross-validation a row has a part in each fold, and reserved rows are the test of all.
func TestFolds(t *testing.T) {
	s := []*cohort.Split{{Name: "cv", Folds: []cohort.Fold{{Train: []int{0}, Test: []int{1}}, {Train: []int{1}, Val: []int{0}}}, Reserved: []int{2}}}
	got := partsOf(3, s)
	if got[0]["cv/1"] != "train" || got[0]["cv/2"] != "val" || got[1]["cv/1"] != "test" || got[2]["cv"] != "test" || len(got[2]) != 1 {
		t.Errorf("%v", got)
	}
	if names := splitNames(s); !slices.Equal(names, []string{"cv/1", "cv/2", "cv"}) {
		t.Errorf("%v", names)
	}
}
