package batch

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"

	"github.com/cineloop/cineloop/internal/fault"
)

// Session is one process of many that fill one output folder, each told by someone else which files to do. What it does stands in a journal of its own; a
// [Run] over the same folders afterwards finds all journals, does what is missing, and writes the manifest.
type Session struct {
	opt Options
	id  string
	j   *journal
	b   *books
}

// OpenSession makes the process ready. opt.In is the root that files are named under.
func OpenSession(opt Options) (*Session, error) {
	if err := opt.check(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(opt.Out, StateDir, "tmp"), 0o755); err != nil {
		return nil, wrap(err)
	}
	s := &Session{opt: opt, id: opt.Profile.Digest + " " + opt.Key.ID, b: &books{quarantine: opt.Quarantine}}
	if err := claim(opt.Out, s.id); err != nil {
		return nil, err
	}
	var name [8]byte
	rand.Read(name[:])
	var err error
	if s.j, err = openJournal(opt.Out, s.id, "journal-"+hex.EncodeToString(name[:])+".jsonl"); err != nil {
		return nil, err
	}
	return s, s.b.open()
}

// Close ends the session.
func (s *Session) Close() error {
	s.b.close()
	return s.j.f.Close()
}

// Worker is a worker for one goroutine.
func (s *Session) Worker() *Worker {
	return &Worker{Profile: s.opt.Profile, Key: s.opt.Key, Masker: s.opt.Masker, Out: s.opt.Out}
}

// File does the file of that name under the root. Doing one again has the same result.
func (s *Session) File(ctx context.Context, w *Worker, rel string) error {
	if !filepath.IsLocal(rel) {
		return fault.New(fault.Usage, "a task names a file outside of the input folder")
	}
	err := w.step(ctx, filepath.Join(s.opt.In, rel), s.j, s.b, s.id)
	s.b.mu.Lock()
	s.b.records, s.b.rows = nil, nil // they stand in the journal
	s.b.mu.Unlock()
	return err
}

// Walk calls f with the name under root of every file that a run over root would do.
func Walk(ctx context.Context, root string, f func(rel string, size int64) error) error {
	return walk(ctx, root, "", "", func(path string) error {
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		st, err := os.Stat(path)
		if err != nil {
			return fault.New(fault.Input, "%w", pathless(err))
		}
		return f(rel, st.Size())
	})
}
