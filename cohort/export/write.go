package export

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
)

// Options says what is written where.
type Options struct {
	Out        string
	Format     Format
	ShardItems int             // items a shard of WebDataset; 0: 256
	Workers    int             // items that are decoded at once; 0: GOMAXPROCS
	Progress   func(items int) // items finished so far, from one goroutine at a time; may be nil
}

// Report says what an export holds.
type Report struct {
	Format     Format              `json:"format"`
	Items      int                 `json:"items"`
	Kept       int                 `json:"kept"` // of them, finished by an earlier run
	Files      int                 `json:"files"`
	Bytes      int64               `json:"bytes"`
	Index      string              `json:"index"`
	Manifest   string              `json:"manifest"`
	Quarantine []cohort.Quarantine `json:"quarantine"`
}

// Partial is an error where items were left out.
func (r *Report) Partial() error {
	if len(r.Quarantine) == 0 {
		return nil
	}
	q := r.Quarantine[0]
	return fault.New(fault.Partial, "%d items were left out; the first, line %d: %s", len(r.Quarantine), q.Line, q.Reason)
}

// File is a line of the manifest.
type File struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// piece is what is written whole or not at all and survives an interruption: one item, or one shard of them.
type piece struct {
	rows []int
	name string
}

// finished is a piece in the journal.
type finished struct {
	Piece      string              `json:"piece"`
	Items      []item              `json:"items"`
	Files      []File              `json:"files"`
	Quarantine []cohort.Quarantine `json:"quarantine,omitempty"`
}

// exporter is one call of Write.
type exporter struct {
	c     *cohort.Cohort
	parts []map[string]string
	opt   Options

	mu      sync.Mutex
	done    map[string]finished
	items   int
	journal *journal
}

// Write exports every row of c. Patients' keys and everything else that the table says go into the index and, for Zarr and WebDataset,
// beside the samples: c must be a research cohort.
//
// Errors: usage (an unknown format), conflict (Out holds something else, or an export of other data), input (no item can be read),
// resource (a full disk). Items that cannot be read are in the report.
func Write(ctx context.Context, c *cohort.Cohort, splits []*cohort.Split, opt Options) (*Report, error) {
	if err := opt.Format.check(); err != nil {
		return nil, err
	}
	if opt.Workers <= 0 {
		opt.Workers = runtime.GOMAXPROCS(0)
	}
	if opt.ShardItems <= 0 {
		opt.ShardItems = 256
	}
	e := &exporter{c: c, parts: partsOf(len(c.Rows), splits), opt: opt, done: map[string]finished{}}
	if opt.Progress == nil {
		e.opt.Progress = func(int) {}
	}
	request, err := e.request(splits)
	if err != nil {
		return nil, err
	}
	old, err := readManifest(opt.Out)
	if err != nil {
		return nil, err
	}
	if old != nil {
		if old.Request != request {
			return nil, fault.New(fault.Conflict, "%s holds an export of other data or options", opt.Out).WithHint("choose another folder, or remove it")
		}
		if err := old.check(opt.Out); err != nil {
			return nil, err
		}
		return old.report(opt.Out, old.Items), nil
	}
	if e.journal, err = openJournal(opt.Out, request, e.done); err != nil {
		return nil, err
	}
	defer e.journal.close()
	kept, err := e.all(ctx)
	if err != nil {
		return nil, err
	}
	m, err := e.finish(splits, request)
	if err != nil {
		return nil, err
	}
	return m.report(opt.Out, kept), nil
}

// request is a digest of what is exported and how: two exports into one folder must agree on it.
func (e *exporter) request(splits []*cohort.Split) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "cineloop export 1\n%s %d\n%s\n", e.opt.Format, e.opt.ShardItems, e.c.Digest)
	for _, s := range splits {
		fmt.Fprintf(h, "%q %s\n", s.Name, s.Digest)
	}
	for i, r := range e.c.Rows {
		st, err := os.Stat(filePart(r.Path))
		if err != nil {
			return "", fault.New(fault.NotFound, "the file of line %d is not there any more", r.Line)
		}
		t, err := json.Marshal(truth(e.c, i))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%q %q %d %d %s\n", r.ID, r.Columns, st.Size(), st.ModTime().UnixNano(), t)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// filePart is path without the fragment that names a part of the file.
func filePart(p string) string {
	if _, err := os.Stat(p); err == nil {
		return p
	}
	for i := len(p) - 1; i > 0; i-- {
		if p[i] == '#' {
			return p[:i]
		}
	}
	return p
}

func (e *exporter) pieces() (out []piece) {
	per := 1
	if e.opt.Format == WebDataset {
		per = e.opt.ShardItems
	}
	n := len(e.c.Rows)
	for k := 0; k*per < n; k++ {
		p := piece{}
		for r := k * per; r < min(n, (k+1)*per); r++ {
			p.rows = append(p.rows, r)
		}
		switch e.opt.Format {
		case NIfTI:
			p.name = fmt.Sprintf("items/%06d.nii.gz", k+1)
		case NPY, NPZ:
			p.name = fmt.Sprintf("items/%06d.%s", k+1, e.opt.Format)
		case Zarr:
			p.name = fmt.Sprintf("items.zarr/%06d", k+1)
		case WebDataset:
			p.name = fmt.Sprintf("shard-%06d.tar", k)
		}
		out = append(out, p)
	}
	return out
}

// all writes the pieces that the journal lacks.
func (e *exporter) all(ctx context.Context) (kept int, err error) {
	var todo []piece
	for _, p := range e.pieces() {
		if f, ok := e.done[p.name]; ok && filesThere(e.opt.Out, f.Files) == nil {
			kept += len(f.Items)
			e.items += len(p.rows)
			continue
		}
		todo = append(todo, p)
	}
	e.opt.Progress(e.items)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan piece)
	var wg sync.WaitGroup
	for range min(e.opt.Workers, max(1, len(todo))) {
		wg.Go(func() {
			for p := range next {
				if err := e.piece(ctx, p); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
feed:
	for _, p := range todo {
		select {
		case next <- p:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		if errors.Is(err, context.Canceled) {
			return 0, fault.New(fault.Interrupted, "exporting: %w", err).WithHint("the same command goes on where this one stopped")
		}
		return 0, err
	}
	return kept, nil
}

// piece writes one piece and notes it in the journal.
func (e *exporter) piece(ctx context.Context, p piece) error {
	f := finished{Piece: p.name}
	var err error
	if e.opt.Format == WebDataset {
		err = e.shard(ctx, p, &f)
	} else {
		err = e.single(ctx, p, &f)
	}
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.done[p.name] = f
	e.items += len(p.rows)
	e.opt.Progress(e.items)
	return e.journal.add(f)
}

// read decodes row i. An item that cannot be read is noted in f, and nil comes back.
func (e *exporter) read(ctx context.Context, i int, f *finished) (*clip.Clip, item, error) {
	cl, err := open(ctx, e.c, i)
	if ctx.Err() != nil {
		return nil, item{}, context.Cause(ctx)
	}
	r := e.c.Rows[i]
	if err != nil {
		f.Quarantine = append(f.Quarantine, cohort.Quarantine{Line: r.Line, ID: r.ID, Reason: reason(err, r.Path)})
		return nil, item{}, nil
	}
	return cl, describe(e.c, i, cl, e.parts[i]), nil
}

func (e *exporter) single(ctx context.Context, p piece, f *finished) error {
	cl, it, err := e.read(ctx, p.rows[0], f)
	if err != nil || cl == nil {
		return err
	}
	target := filepath.Join(e.opt.Out, filepath.FromSlash(p.name))
	names := []string{""}
	if e.opt.Format == Zarr {
		if err := os.RemoveAll(target); err != nil { // of a run that was cut short
			return err
		}
		names, err = writeZarr(target, cl, it)
	} else if err = os.MkdirAll(filepath.Dir(target), 0o755); err == nil {
		err = clip.Save(target, cl)
		if fault.CodeOf(err) == fault.Usage { // the format cannot hold this clip
			f.Quarantine = append(f.Quarantine, cohort.Quarantine{Line: e.c.Rows[p.rows[0]].Line, ID: it.ID, Reason: cohort.WithoutPath(err, target)})
			return nil
		}
	}
	if err != nil {
		return err
	}
	f.Items = append(f.Items, it)
	for _, n := range names {
		file, err := digestOf(e.opt.Out, path.Join(p.name, n))
		if err != nil {
			return err
		}
		f.Files = append(f.Files, file)
	}
	return nil
}

// shard writes a tar of the items p.rows in order; times and owners are zero, so that equal items give equal bytes.
func (e *exporter) shard(ctx context.Context, p piece, f *finished) error {
	err := atomicfile.Write(filepath.Join(e.opt.Out, p.name), func(w io.Writer) error {
		t := tar.NewWriter(w)
		for _, i := range p.rows {
			cl, it, err := e.read(ctx, i, f)
			if err != nil {
				return err
			}
			if cl == nil {
				continue
			}
			var b bytes.Buffer
			if err := clip.WriteNPY(&b, cl); err != nil {
				return err
			}
			about, err := json.Marshal(it)
			if err != nil {
				return err
			}
			for _, m := range []struct {
				ext  string
				data []byte
			}{{"npy", b.Bytes()}, {"json", about}} {
				name := number(it.Number) + "." + m.ext
				if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(m.data)), Format: tar.FormatUSTAR}); err != nil {
					return err
				}
				if _, err := t.Write(m.data); err != nil {
					return err
				}
			}
			f.Items = append(f.Items, it)
		}
		return t.Close()
	})
	if err != nil {
		return err
	}
	file, err := digestOf(e.opt.Out, p.name)
	f.Files = append(f.Files, file)
	return err
}

// finish writes the index and the manifest and drops the journal.
func (e *exporter) finish(splits []*cohort.Split, request string) (*manifest, error) {
	m := &manifest{Version: 1, Request: request, Format: e.opt.Format, Cohort: e.c.Digest, Quarantine: []cohort.Quarantine{}}
	var items []item
	for _, p := range e.pieces() {
		f := e.done[p.name]
		for _, it := range f.Items {
			it.File = p.name
			items = append(items, it)
		}
		m.Files = append(m.Files, f.Files...)
		m.Quarantine = append(m.Quarantine, f.Quarantine...)
	}
	if m.Items = len(items); m.Items == 0 {
		return nil, fault.New(fault.Input, "none of %d items can be read; the first, line %d: %s", len(e.c.Rows), m.Quarantine[0].Line, m.Quarantine[0].Reason)
	}
	for _, s := range splits {
		m.Splits = append(m.Splits, manifestSplit{s.Name, s.Digest})
	}
	if e.opt.Format == Zarr {
		name := "items.zarr/zarr.json"
		group := zarrGroup{3, "group", map[string]any{"about": "one array an item; " + IndexFile + " says what they are"}}
		if err := writeJSON(filepath.Join(e.opt.Out, filepath.FromSlash(name)), group); err != nil {
			return nil, err
		}
		file, err := digestOf(e.opt.Out, name)
		if err != nil {
			return nil, err
		}
		m.Files = append(m.Files, file)
	}
	if err := writeIndex(filepath.Join(e.opt.Out, IndexFile), e.c, items, splitNames(splits)); err != nil {
		return nil, err
	}
	file, err := digestOf(e.opt.Out, IndexFile)
	if err != nil {
		return nil, err
	}
	m.Files = append(m.Files, file)
	slices.SortFunc(m.Files, func(a, b File) int { return compare(a.Path, b.Path) })
	if err := writeJSON(filepath.Join(e.opt.Out, ManifestFile), m); err != nil {
		return nil, err
	}
	return m, e.journal.remove()
}
