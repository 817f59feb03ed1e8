package ingest

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/catalog"
	"github.com/cineloop/cineloop/store/object"
)

// judge is take for a dry run: the same questions, and nothing kept.
func (r *runner) judge(ctx context.Context, it item, head []byte, in io.Reader, source *sourceReader) (Item, error) {
	f, err := os.CreateTemp("", "cineloop-dry-*")
	if err != nil {
		return Item{}, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	h := sha256.New()
	size, err := io.Copy(io.MultiWriter(f, h), in)
	if source.err != nil {
		return cannot(source.err)
	}
	if err != nil {
		return Item{}, err
	}
	digest := object.Digest(h.Sum(nil))
	d := describer{run: r, origin: it.origin, part10: len(head) == 132 && string(head[128:]) == "DICM"}
	inst, err := d.describe(f, size)
	if errors.Is(err, store.ErrDrop) {
		return d.skipped(head), nil
	}
	if err == nil {
		inst.Digest = digest
		err = inst.Check()
	}
	if err != nil {
		return Item{Outcome: Quarantined, Reason: err.Error()}, nil
	}
	return r.wouldBe(ctx, inst)
}

// wouldBe says what would become of an instance, after those that the run has judged already.
func (r *runner) wouldBe(ctx context.Context, in catalog.Instance) (Item, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.new[in.Digest] {
		return Item{Outcome: Duplicate}, nil
	}
	other := r.newUIDs[in.SOPInstanceUID]
	if r.archive != nil && !other {
		old, err := r.archive.Catalog.Lookup(ctx, in.SOPInstanceUID)
		switch {
		case err == nil && old.Digest == in.Digest:
			return Item{Outcome: Duplicate}, nil
		case err != nil && fault.CodeOf(err) != fault.NotFound:
			return Item{}, err
		}
		other = err == nil
	}
	r.new[in.Digest], r.newUIDs[in.SOPInstanceUID] = true, true
	if other {
		return Item{Outcome: Conflict, Reason: "other content stands under the same SOPInstanceUID"}, nil
	}
	return Item{Outcome: Stored}, nil
}
