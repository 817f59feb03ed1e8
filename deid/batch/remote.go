package batch

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/cineloop/cineloop/internal/fault"
)

// Done is what became of one file that a worker did away from the output's folder: the caller brings the output to its place, and keeps Entry until all files are done.
type Done struct {
	Record Record
	Entry  []byte // for [Settle]; nothing in it is the patient's
	Path   string // of the output in the worker's folder, to be taken away; "" where there is none
}

// Away does one file, a copy at path, without journal and quarantine: for outputs that are not on a file system. The output lies in the worker's folder.
func (s *Session) Away(ctx context.Context, w *Worker, path string) (Done, error) {
	rec, row, err := w.Object(ctx, path)
	if err != nil {
		return Done{}, err
	}
	d := Done{Record: rec}
	if row != nil {
		row.Path = rec.Output
	}
	if rec.Status == Written {
		d.Path = filepath.Join(w.Out, filepath.FromSlash(rec.Output))
	}
	d.Entry, err = json.Marshal(entry{s.id, rec, row})
	return d, err
}

// Run names the policy and the key of the session: entries of others are not its own.
func (s *Session) Run() string { return s.id }

// Settle writes into opt.Out what a [Run] writes besides the objects, from the entries of all files: manifest, signature, table, certificate, and a DICOMDIR where the input had one. The objects
// themselves are elsewhere. Entries of another policy or key are refused.
func Settle(opt Options, entries [][]byte) (Summary, error) {
	b := &books{}
	run := opt.Profile.Digest + " " + opt.Key.ID
	for _, raw := range entries {
		var e entry
		if err := json.Unmarshal(bytes.TrimSpace(raw), &e); err != nil {
			return Summary{}, fault.New(fault.Input, "an entry of a worker can't be read")
		}
		if e.Run != run {
			return Summary{}, fault.New(fault.Conflict, "the output holds what another policy or key made").WithHint("choose an empty place")
		}
		b.records = append(b.records, e.Record)
		if e.Row != nil {
			b.rows = append(b.rows, e.Row)
		}
	}
	if err := os.MkdirAll(filepath.Join(opt.Out, StateDir), 0o755); err != nil {
		return Summary{}, wrap(err)
	}
	return b.finish(opt)
}
