package batch

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/deid/escrow"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/internal/fault"
)

// Options say what to de-identify, and how.
type Options struct {
	In, Out    string
	Quarantine string // a folder on the side of the patients; "" keeps no copies
	Profile    *deid.Profile
	Key        *deid.Key
	Masker     deid.Masker  // nil: deid.Cautious
	Workers    int          // 0: one for each processor
	Escrow     *escrow.Book // collects what pseudonyms stand for; nil: nothing is kept
	Progress   func(done, found int64)
}

// Summary is what became of all files.
type Summary struct {
	Found       int            `json:"found"`
	Written     int            `json:"written"`
	Quarantined int            `json:"quarantined"`
	Skipped     int            `json:"skipped"`
	Dropped     int            `json:"dropped"`
	Bytes       int64          `json:"bytes"`
	Reasons     map[string]int `json:"reasons"`
	Policy      string         `json:"policy"`
	PolicySHA   string         `json:"policy_sha256"`
	Key         string         `json:"key_id"`
	Chain       string         `json:"manifest_chain"`
	SmallestK   int            `json:"smallest_k"`
}

// Run de-identifies every file under opt.In into opt.Out. A run that is broken off at any point is repeated with the same command, and goes on from where
// it stopped.
func Run(ctx context.Context, opt Options) (Summary, error) {
	if err := opt.check(); err != nil {
		return Summary{}, err
	}
	if err := os.MkdirAll(filepath.Join(opt.Out, StateDir, "tmp"), 0o755); err != nil {
		return Summary{}, wrap(err)
	}
	clearTemp(opt.Out)
	id := opt.Profile.Digest + " " + opt.Key.ID
	if err := claim(opt.Out, id); err != nil {
		return Summary{}, err
	}
	j, err := openJournal(opt.Out, id, mainJournal)
	if err != nil {
		return Summary{}, err
	}
	defer j.f.Close()
	b := &books{quarantine: opt.Quarantine}
	if err := b.open(); err != nil {
		return Summary{}, err
	}
	defer b.close()

	paths := make(chan string, 1024)
	var found, done atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(paths)
		return walk(ctx, opt.In, opt.Out, opt.Quarantine, func(p string) error {
			found.Add(1)
			select {
			case paths <- p:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	for range opt.Workers {
		w := &Worker{Profile: opt.Profile, Key: opt.Key, Masker: opt.Masker, Out: opt.Out, Escrow: opt.Escrow}
		g.Go(func() error {
			for p := range paths {
				if err := w.step(ctx, p, j, b, id); err != nil {
					return err
				}
				if n := done.Add(1); opt.Progress != nil {
					opt.Progress(n, found.Load())
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		if errors.Is(err, context.Canceled) {
			err = fault.New(fault.Interrupted, "stopped: repeat the command to go on")
		}
		return Summary{}, err
	}
	return b.finish(opt)
}

// step does one file, unless an earlier run did it.
func (w *Worker) step(ctx context.Context, path string, j *journal, b *books, run string) error {
	if len(j.done) > 0 {
		if sum, err := hashFile(path); err == nil {
			if e, ok := j.find(w.Out, sum); ok {
				if w.Escrow != nil && e.Record.Status == Written {
					if f, err := dicom.Open(path); err == nil {
						deposit(w.Escrow, w.Profile, w.Key, f.DataSet)
						f.Close()
					}
				}
				return b.add(path, e.Record, e.Row)
			}
		}
	}
	rec, row, err := w.Object(ctx, path)
	if err != nil {
		return err
	}
	if row != nil {
		row.Path = rec.Output
	}
	// The copy in quarantine comes before the line that says that the file is done.
	if err := b.add(path, rec, row); err != nil {
		return err
	}
	return j.add(entry{run, rec, row})
}

func (o *Options) check() error {
	in, err := filepath.Abs(o.In)
	if err != nil {
		return fault.New(fault.Usage, "%w", err)
	}
	st, err := os.Stat(in)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.NotFound, "the input %s is not there", o.In)
	case err != nil:
		return fault.New(fault.Input, "%w", err)
	}
	out, err := filepath.Abs(o.Out)
	if err != nil {
		return fault.New(fault.Usage, "%w", err)
	}
	if in == out || st.IsDir() && strings.HasPrefix(in+string(filepath.Separator), out+string(filepath.Separator)) {
		return fault.New(fault.Usage, "the output must not be the input or around it")
	}
	if o.Quarantine != "" {
		q, err := filepath.Abs(o.Quarantine)
		if err != nil {
			return fault.New(fault.Usage, "%w", err)
		}
		if q == out || strings.HasPrefix(q+string(filepath.Separator), out+string(filepath.Separator)) {
			return fault.New(fault.Usage, "the quarantine holds patients' data: it must not be in the output folder")
		}
		o.Quarantine = q
	}
	o.In, o.Out = in, out
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Masker == nil {
		o.Masker = deid.Cautious{}
	}
	return nil
}

// claim refuses a folder that holds another run's output: two policies or keys in one folder can't be told apart afterwards.
func claim(out, id string) error {
	path := filepath.Join(out, StateDir, "run")
	if old, err := os.ReadFile(path); err == nil && string(old) != id {
		return fault.New(fault.Conflict, "the output folder holds what another policy or key made").WithHint("choose an empty folder")
	}
	entries, err := os.ReadDir(out)
	if err != nil {
		return wrap(err)
	}
	if _, err := os.Stat(path); err != nil && len(entries) > 1 {
		return fault.New(fault.Conflict, "the output folder is not empty").WithHint("choose an empty folder")
	}
	return wrap(os.WriteFile(path, []byte(id), 0o644))
}

func clearTemp(out string) {
	dir := filepath.Join(out, StateDir, "tmp")
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		os.Remove(filepath.Join(dir, e.Name()))
	}
}

// walk finds every regular file under root, in the order of names. Links are not followed out of the tree.
func walk(ctx context.Context, root, out, quarantine string, f func(string) error) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if path == root {
				return fault.New(fault.Input, "reading the input: %w", pathless(err))
			}
			return fault.New(fault.Input, "a folder of the input can't be read: %w", pathless(err))
		}
		if d.IsDir() && (path == out || quarantine != "" && path == quarantine) {
			return filepath.SkipDir
		}
		if d.Type()&fs.ModeSymlink != 0 {
			if st, err := os.Stat(path); err != nil || !st.Mode().IsRegular() {
				return nil
			}
			return f(path)
		}
		if d.Type().IsRegular() {
			return f(path)
		}
		return nil
	})
}

// books collects the records of a run.
type books struct {
	mu         sync.Mutex
	records    []Record
	rows       []*Row
	quarantine string
	index      *os.File
}

func (b *books) add(path string, rec Record, row *Row) error {
	if rec.Status == Quarantined && b.quarantine != "" {
		if err := b.hold(path, rec); err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.records = append(b.records, rec)
	if row != nil {
		b.rows = append(b.rows, row)
	}
	return nil
}

func (b *books) summary(opt Options) Summary {
	s := Summary{Found: len(b.records), Reasons: map[string]int{}, Policy: opt.Profile.Policy.Name, PolicySHA: opt.Profile.Digest, Key: opt.Key.ID}
	for i := range b.records {
		r := &b.records[i]
		s.Bytes += r.Bytes
		switch r.Status {
		case Written:
			s.Written++
		case Quarantined:
			s.Quarantined++
		case Skipped:
			s.Skipped++
		case Dropped:
			s.Dropped++
		}
		if r.Quarantine != "" {
			s.Reasons[r.Quarantine]++
		}
	}
	return s
}

// order sorts the records so that neither the order of work nor the names of the input show.
func (b *books) order() {
	slices.SortFunc(b.records, func(x, y Record) int {
		if c := strings.Compare(x.Input, y.Input); c != 0 {
			return c
		}
		return strings.Compare(x.Output, y.Output)
	})
	slices.SortFunc(b.rows, func(x, y *Row) int { return strings.Compare(x.Path, y.Path) })
	b.rows = slices.CompactFunc(b.rows, func(x, y *Row) bool { return x.Path == y.Path })
}
