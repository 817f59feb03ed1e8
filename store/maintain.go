package store

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store/catalog"
	"github.com/cineloop/cineloop/store/object"
)

// Problem is a content that is not as the catalog says.
type Problem struct {
	Digest object.Digest
	State  string // catalog.Damaged or catalog.Missing
	Reason string
}

// VerifyReport is what Verify found.
type VerifyReport struct {
	Checked  int       // contents
	Bytes    int64     // read
	Problems []Problem // damaged and missing contents
	Orphans  int       // contents without a record
	Unwanted int       // records of contents that nothing refers to any more
}

// VerifyOptions choose how thorough Verify is.
type VerifyOptions struct {
	Quick    bool                        // presence and sizes only: nothing is read
	Progress func(done int, bytes int64) // called now and then
}

// Verify compares every content with its digest and every record with its content, and notes in the catalog what it found. A
// database that is damaged itself is an error.
func (a *Archive) Verify(ctx context.Context, opts VerifyOptions) (VerifyReport, error) {
	var rep VerifyReport
	if err := a.Catalog.Check(ctx); err != nil {
		return rep, err
	}
	unwanted := map[object.Digest]bool{}
	garbage, err := a.Catalog.Garbage(ctx, 1<<31-1)
	if err != nil {
		return rep, err
	}
	for _, k := range garbage {
		unwanted[k.Digest] = true
	}
	rep.Unwanted = len(garbage)
	var known []catalog.Kept
	for k, err := range a.Catalog.Objects(ctx) {
		if err != nil {
			return rep, err
		}
		known = append(known, k)
	}
	var mu sync.Mutex
	err = parallel(ctx, known, func(k catalog.Kept) error {
		if unwanted[k.Digest] {
			return nil
		}
		state, reason, n, err := a.check(ctx, k, opts.Quick)
		if err != nil {
			return err
		}
		if state != k.State && (state != catalog.Good || !opts.Quick) || state == catalog.Good && !opts.Quick {
			if err := a.Catalog.Mark(ctx, k.Digest, state, time.Now().UnixMilli()); err != nil {
				return err
			}
		}
		mu.Lock()
		defer mu.Unlock()
		rep.Checked++
		rep.Bytes += n
		if state != catalog.Good {
			rep.Problems = append(rep.Problems, Problem{k.Digest, state, reason})
		}
		if opts.Progress != nil {
			opts.Progress(rep.Checked, rep.Bytes)
		}
		return nil
	})
	if err != nil {
		return rep, err
	}
	orphans, err := a.orphans(ctx, time.Now())
	rep.Orphans = len(orphans)
	return rep, err
}

// check says how a content is; err is for what says nothing about it, as a lost network.
func (a *Archive) check(ctx context.Context, k catalog.Kept, quick bool) (state, reason string, n int64, err error) {
	if quick {
		info, err := a.Objects.Stat(ctx, k.Digest)
		if err == nil && info.Size >= 0 && info.Size != k.Size {
			err = fault.New(fault.Input, "object %s has %d bytes, want %d", k.Digest, info.Size, k.Size)
		}
		state, reason, err = judge(err)
		return state, reason, 0, err
	}
	n, err = a.Objects.Verify(ctx, k.Digest)
	state, reason, err = judge(err)
	return state, reason, n, err
}

func judge(err error) (state, reason string, other error) {
	switch {
	case err == nil:
		return catalog.Good, "", nil
	case fault.CodeOf(err) == fault.NotFound:
		return catalog.Missing, err.Error(), nil
	case fault.CodeOf(err) == fault.Input:
		return catalog.Damaged, err.Error(), nil
	}
	return "", "", err
}

// orphans lists contents without any record, stored before a moment.
func (a *Archive) orphans(ctx context.Context, before time.Time) ([]object.Info, error) {
	known := map[object.Digest]bool{}
	var out []object.Info
	for info, err := range a.Objects.All(ctx) { // the store first: what is recorded in between is known then
		if err != nil {
			return nil, err
		}
		if info.Modified.Before(before) {
			out = append(out, info)
		}
	}
	for k, err := range a.Catalog.Objects(ctx) {
		if err != nil {
			return nil, err
		}
		known[k.Digest] = true
	}
	kept := out[:0]
	for _, info := range out {
		if !known[info.Digest] {
			kept = append(kept, info)
		}
	}
	return kept, nil
}

// CollectReport is what Collect removed.
type CollectReport struct {
	Contents   int
	Bytes      int64
	Unfinished int // temporaries of writers that died
}

// Collect removes contents that no record refers to. Those without a record that are younger than grace stay, as do younger
// temporaries: a writer may be about to record them. It is safe beside writers with any grace.
func (a *Archive) Collect(ctx context.Context, grace time.Duration) (CollectReport, error) {
	var rep CollectReport
	before := time.Now().Add(-grace)
	sizes := map[object.Digest]int64{}
	recorded := map[object.Digest]bool{}
	var list []object.Digest
	garbage, err := a.Catalog.Garbage(ctx, 1<<31-1)
	if err != nil {
		return rep, err
	}
	for _, k := range garbage {
		list, sizes[k.Digest], recorded[k.Digest] = append(list, k.Digest), k.Size, true
	}
	orphans, err := a.orphans(ctx, before)
	if err != nil {
		return rep, err
	}
	for _, o := range orphans {
		if _, twice := sizes[o.Digest]; !twice {
			list, sizes[o.Digest] = append(list, o.Digest), o.Stored
		}
	}
	for len(list) > 0 {
		n := min(len(list), 100) // writers wait meanwhile
		_, err := a.Catalog.Reap(ctx, list[:n], func(ctx context.Context, d object.Digest) error {
			if err := a.Objects.Remove(ctx, d); err != nil {
				return err
			}
			rep.Contents++
			rep.Bytes += sizes[d]
			if recorded[d] {
				a.budget.Return(sizes[d], 1)
			}
			return nil
		})
		if err != nil {
			return rep, err
		}
		list = list[n:]
	}
	rep.Unfinished, err = a.Objects.Sweep(ctx, before)
	return rep, err
}

// RepairReport is what Repair could and could not do.
type RepairReport struct {
	Recorded    int // contents that had lost their record
	Quarantined int // contents without record that could not be described
	Replaced    int // damaged or missing contents fetched from a backup
	Lost        []Problem
}

// Repair gives contents without a record one, as after restoring an older catalog, and replaces damaged and missing contents from a
// backup's store, if one is given. It works on what the last Verify noted.
func (a *Archive) Repair(ctx context.Context, format Format, from catalog.Provenance, backup *object.Store) (RepairReport, error) {
	var rep RepairReport
	orphans, err := a.orphans(ctx, time.Now())
	if err != nil {
		return rep, err
	}
	for _, o := range orphans {
		status, err := a.record(ctx, o.Digest, format, from)
		if fault.CodeOf(err) == fault.Input || fault.CodeOf(err) == fault.NotFound {
			rep.Lost = append(rep.Lost, Problem{o.Digest, catalog.Damaged, err.Error()})
			continue
		}
		if err != nil {
			return rep, err
		}
		switch status {
		case catalog.Quarantined:
			rep.Quarantined++
		case catalog.Stored, catalog.Conflict:
			rep.Recorded++
		}
	}
	for k, err := range a.Catalog.Objects(ctx) {
		if err != nil {
			return rep, err
		}
		if k.State == catalog.Good {
			continue
		}
		err := a.fetch(ctx, k.Digest, backup)
		if ctx.Err() != nil {
			return rep, ctx.Err()
		}
		if err != nil {
			rep.Lost = append(rep.Lost, Problem{k.Digest, k.State, err.Error()})
			continue
		}
		rep.Replaced++
	}
	return rep, nil
}

// record describes a content that is in the store already.
func (a *Archive) record(ctx context.Context, d object.Digest, format Format, from catalog.Provenance) (catalog.Status, error) {
	size, err := a.Objects.Verify(ctx, d)
	if err != nil {
		return "", err
	}
	r, err := a.Objects.Open(ctx, d)
	if err != nil {
		return "", err
	}
	defer r.Close()
	if from.Received.IsZero() {
		from.Received = time.Now()
	}
	e, err := a.entry(r, format, from, &Result{Digest: d, Size: size})
	if err != nil {
		return "", err
	}
	e.Guard = func(ctx context.Context) error {
		_, err := a.Objects.Stat(ctx, d)
		return err
	}
	out, err := a.Catalog.Add(ctx, e)
	return out.Status, err
}

// fetch takes a good copy of a content from a backup.
func (a *Archive) fetch(ctx context.Context, d object.Digest, backup *object.Store) error {
	if _, err := a.Objects.Verify(ctx, d); err == nil { // it came back since
		return a.Catalog.Mark(ctx, d, catalog.Good, time.Now().UnixMilli())
	}
	if backup == nil {
		return fault.New(fault.NotFound, "object %s is lost here", d).WithHint("name a backup to fetch it from, or ingest its source again")
	}
	if _, err := backup.Verify(ctx, d); err != nil {
		return err
	}
	if err := a.Objects.Remove(ctx, d); err != nil {
		return err
	}
	if _, err := backup.CopyTo(ctx, a.Objects, d); err != nil {
		return err
	}
	return a.Catalog.Mark(ctx, d, catalog.Good, time.Now().UnixMilli())
}

// parallel runs do for every item on as many goroutines as there are processors, and stops at the first error.
func parallel[T any](ctx context.Context, items []T, do func(T) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	in := make(chan T)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for it := range in {
				if err := do(it); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
feed:
	for _, it := range items {
		select {
		case in <- it:
		case <-ctx.Done():
			break feed
		}
	}
	close(in)
	wg.Wait()
	return context.Cause(ctx)
}
