package main

import (
	"context"
	"encoding/json"
	"errors"
	stdio "io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/deid/batch"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/progress"
	"github.com/cineloop/cineloop/store/bucket"
)

// Names in an output that is a bucket. What a worker did with a file is an object of its own under doneUnder, whose name the key makes, because the file's is a patient's.
const (
	doneUnder = batch.StateDir + "/done/"
	runObject = batch.StateDir + "/run"
)

// bucketRun de-identifies into a bucket, from a bucket or a folder: files are fetched into a scratch folder, and what goes out is sent and taken away.
type bucketRun struct {
	opts      deidOptions
	opt       batch.Options
	in        *bucket.Bucket // nil: opts.In is a folder
	out, held *bucket.Bucket
	session   *batch.Session
	scratch   string
	number    atomic.Int64
}

func openBucketRun(ctx context.Context, opts deidOptions, profile *deid.Profile, key *deid.Key) (*bucketRun, error) {
	if !bucket.Is(opts.Out) {
		return nil, fault.New(fault.Usage, "from a bucket the output goes to a bucket: OUT is a folder")
	}
	if opts.Escrow != "" {
		return nil, fault.New(fault.Usage, "--escrow: only with folders")
	}
	r := &bucketRun{opts: opts}
	fail := func(err error) (*bucketRun, error) {
		r.close()
		return nil, err
	}
	var err error
	for _, p := range []struct {
		place string
		b     **bucket.Bucket
	}{{opts.In, &r.in}, {opts.Out, &r.out}, {opts.Quarantine, &r.held}} {
		if bucket.Is(p.place) {
			if *p.b, err = bucket.Open(ctx, p.place); err != nil {
				return fail(err)
			}
		}
	}
	if r.scratch, err = os.MkdirTemp("", "cineloop-deid-"); err != nil {
		return fail(fault.New(fault.Resource, "%w", err))
	}
	for _, dir := range []string{"in", "out"} {
		if err := os.Mkdir(filepath.Join(r.scratch, dir), 0o700); err != nil {
			return fail(fault.New(fault.Resource, "%w", err))
		}
	}
	if r.held == nil && opts.Quarantine != "" {
		if err := os.MkdirAll(opts.Quarantine, 0o700); err != nil {
			return fail(fault.New(fault.Input, "%w", err))
		}
	}
	r.opt = batch.Options{In: filepath.Join(r.scratch, "in"), Out: filepath.Join(r.scratch, "out"), Profile: profile, Key: key, Masker: deidMasker(profile)}
	if r.session, err = batch.OpenSession(r.opt); err != nil {
		return fail(err)
	}
	return r, r.claim(ctx)
}

// claim refuses a place that holds another policy's or key's output.
func (r *bucketRun) claim(ctx context.Context) error {
	old, err := r.out.Read(ctx, runObject)
	switch {
	case err == nil && string(old) != r.session.Run():
		return fault.New(fault.Conflict, "the output holds what another policy or key made").WithHint("choose an empty place")
	case err == nil:
		return nil
	case fault.CodeOf(err) != fault.NotFound:
		return err
	}
	return r.out.Write(ctx, runObject, []byte(r.session.Run()))
}

func (r *bucketRun) close() {
	if r.session != nil {
		_ = r.session.Close() // its journal is in the scratch folder
	}
	for _, b := range []*bucket.Bucket{r.in, r.out, r.held} {
		if b != nil {
			_ = b.Close()
		}
	}
	if r.scratch != "" {
		_ = os.RemoveAll(r.scratch)
	}
}

// eachDeidInput calls f with the name of every file under in, a folder or a bucket.
func eachDeidInput(ctx context.Context, in string, f func(rel string, size int64) error) error {
	if !bucket.Is(in) {
		return batch.Walk(ctx, in, f)
	}
	b, err := bucket.Open(ctx, in)
	if err != nil {
		return err
	}
	defer b.Close()
	return b.List(ctx, "", f)
}

// done is an earlier worker's entry for a file, nil if there is none or its output is gone.
func (r *bucketRun) done(ctx context.Context, name string) ([]byte, error) {
	raw, err := r.out.Read(ctx, name)
	if err != nil {
		if fault.CodeOf(err) == fault.NotFound {
			err = nil
		}
		return nil, err
	}
	var e struct {
		Run    string       `json:"run"`
		Record batch.Record `json:"record"`
	}
	if json.Unmarshal(raw, &e) != nil || e.Run != r.session.Run() {
		return nil, nil
	}
	if e.Record.Status == batch.Written {
		if _, err := r.out.Size(ctx, e.Record.Output); err != nil {
			return nil, nil
		}
	}
	return raw, nil
}

// worker is a worker for one goroutine. Each has a folder of its own: two files of one content have one output.
func (r *bucketRun) worker() *batch.Worker {
	w := r.session.Worker()
	w.Out = filepath.Join(r.scratch, "out-"+strconv.FormatInt(r.number.Add(1), 10))
	return w
}

// file does one file, unless that was done, and returns its entry.
func (r *bucketRun) file(ctx context.Context, w *batch.Worker, rel string) ([]byte, error) {
	name := doneUnder + r.opt.Key.Name("task", rel) + r.opt.Key.Name("task too", rel)
	if raw, err := r.done(ctx, name); err != nil || raw != nil {
		return raw, err
	}
	path := filepath.Join(r.opts.In, rel)
	if r.in != nil {
		path = filepath.Join(r.opt.In, strconv.FormatInt(r.number.Add(1), 10))
		defer os.Remove(path)
		if err := r.in.Fetch(ctx, rel, path); err != nil {
			return nil, err
		}
	} else if !filepath.IsLocal(rel) {
		return nil, fault.New(fault.Usage, "a task names a file outside of the input folder")
	}
	d, err := r.session.Away(ctx, w, path)
	if err != nil {
		return nil, err
	}
	if d.Path != "" {
		defer os.Remove(d.Path)
		if err := r.out.Send(ctx, d.Record.Output, d.Path); err != nil {
			return nil, err
		}
	}
	if d.Record.Status == batch.Quarantined && r.opts.Quarantine != "" {
		if err := r.hold(ctx, rel, path, d.Record); err != nil {
			return nil, err
		}
	}
	return d.Entry, r.out.Write(ctx, name, d.Entry)
}

// hold brings a copy of a file, and why it is held back, to the quarantine. An object or file of its own for the reason: workers on other machines write there too.
func (r *bucketRun) hold(ctx context.Context, rel, path string, rec batch.Record) error {
	why, err := json.Marshal(map[string]string{"file": rec.Input + ".dcm", "source": strings.TrimSuffix(r.opts.In, "/") + "/" + rel, "why": rec.Quarantine})
	if err != nil {
		return err
	}
	if r.held != nil {
		if err := r.held.Send(ctx, rec.Input+".dcm", path); err != nil {
			return err
		}
		return r.held.Write(ctx, rec.Input+".json", why)
	}
	err = atomicfile.Write(filepath.Join(r.opts.Quarantine, rec.Input+".dcm"), func(to stdio.Writer) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = stdio.Copy(to, f)
		return err
	})
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(r.opts.Quarantine, rec.Input+".json"), why)
}

// runDeidBucket is cineloop deid into a bucket: it does what no worker did, and writes the manifest and what belongs to it.
func runDeidBucket(ctx context.Context, opts deidOptions, profile *deid.Profile, key *deid.Key, io ioStreams) error {
	r, err := openBucketRun(ctx, opts, profile, key)
	if err != nil {
		if r != nil {
			r.close()
		}
		return err
	}
	defer r.close()
	n := opts.Workers
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	bar := progress.New(io.Err, "files", -1)
	var mu sync.Mutex
	var entries [][]byte
	names := make(chan string, 1000)
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(names)
		return eachDeidInput(gctx, opts.In, func(rel string, _ int64) error {
			select {
			case names <- rel:
				return nil
			case <-gctx.Done():
				return gctx.Err()
			}
		})
	})
	for range n {
		w := r.worker()
		g.Go(func() error {
			for rel := range names {
				e, err := r.file(gctx, w, rel)
				if err != nil {
					return err
				}
				mu.Lock()
				entries = append(entries, e)
				bar.Set(int64(len(entries)))
				mu.Unlock()
			}
			return nil
		})
	}
	err = g.Wait()
	bar.Close()
	if err != nil {
		if errors.Is(err, context.Canceled) {
			err = fault.New(fault.Interrupted, "stopped: repeat the command to go on")
		}
		return err
	}
	settled := r.opt
	settled.Out = filepath.Join(r.scratch, "settled")
	s, err := batch.Settle(settled, entries)
	if err != nil {
		return err
	}
	made, err := os.ReadDir(settled.Out)
	if err != nil {
		return err
	}
	for _, f := range made {
		if !f.IsDir() {
			if err := r.out.Send(ctx, f.Name(), filepath.Join(settled.Out, f.Name())); err != nil {
				return err
			}
		}
	}
	return endDeid(io, opts, s)
}
