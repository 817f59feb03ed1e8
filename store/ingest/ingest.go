package ingest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/catalog"
	"github.com/cineloop/cineloop/store/object"
)

// Options of a run.
type Options struct {
	Sources  []string // files, folders, and addresses: s3://bucket/prefix, dicomweb://host/path, dimse://AET@host:port
	Access   Access   // for addresses
	DryRun   bool     // read and judge, write nothing
	Reread   bool     // read files again that an earlier run dealt with
	Workers  int      // files at once; 0: by the number of processors. Many share each fsync.
	Progress func(files, bytes int64)
	// Each is called for every file with what became of it, from several goroutines.
	Each func(Item)
}

// Item is what became of one file.
type Item struct {
	File    string        `json:"file"` // path; "!/" steps into an archive
	Outcome Outcome       `json:"outcome"`
	Reason  string        `json:"reason,omitempty"` // for skipped and quarantined; for a conflict which content stands
	Digest  object.Digest `json:"-"`

	again bool // the next run is to try once more
}

// Outcome is what became of a file.
type Outcome string

// What can become of a file. Every file has exactly one.
const (
	Stored      Outcome = "stored"
	Conflict    Outcome = "conflict" // stored beside other content under the same SOPInstanceUID
	Duplicate   Outcome = "duplicate"
	Skipped     Outcome = "skipped"
	Quarantined Outcome = "quarantined"
)

// workersPerProcessor and workersMost: whoever waits for the disk together is made durable together, and costs little meanwhile.
const (
	workersPerProcessor = 64
	workersMost         = 192
)

// runner is one run.
type runner struct {
	archive *store.Archive // nil in a dry run on an archive that is not there yet
	opts    Options
	id      string
	seen    map[string]catalog.Seen
	dirs    *directories

	mu       sync.Mutex
	summary  Summary
	bytes    int64
	remember []catalog.Seen
	new      map[object.Digest]bool // contents that a dry run would have stored
	newUIDs  map[string]bool
}

// Run ingests the sources into the archive. A file's own faults are in the summary; an error means that the run stopped: what it
// did until then is safe and is not done again when the run is repeated. The summary is valid in any case.
func Run(ctx context.Context, archive *store.Archive, opts Options) (Summary, error) {
	var id [8]byte
	rand.Read(id[:])
	r := &runner{archive: archive, opts: opts, id: time.Now().UTC().Format("20060102T150405-") + hex.EncodeToString(id[:]),
		seen: map[string]catalog.Seen{}, dirs: newDirectories(), new: map[object.Digest]bool{}, newUIDs: map[string]bool{}}
	r.summary = newSummary()
	started := time.Now()
	var sources []source
	defer func() {
		for _, s := range sources {
			s.close()
		}
	}()
	for _, address := range opts.Sources { // all of them, before anything is read
		s, err := openSource(ctx, address, opts.Access)
		if err != nil {
			return r.summary, err
		}
		sources = append(sources, s)
		if archive == nil || opts.Reread {
			continue
		}
		seen, err := archive.Catalog.SeenUnder(ctx, s.origin())
		if err != nil {
			return r.summary, err
		}
		maps.Copy(r.seen, seen)
	}
	err := r.run(ctx, sources)
	if !opts.DryRun && archive != nil {
		// Also after an interrupt: what is done is remembered.
		keep := context.WithoutCancel(ctx)
		err = errors.Join(err, r.flush(keep, 0))
		r.summary.finish(r.dirs, started)
		err = errors.Join(err, archive.Catalog.SaveRun(keep, catalog.Run{
			ID: r.id, Source: origins(sources), Rules: Rules, Started: started, Finished: time.Now(), Summary: r.summary.counts(),
		}))
		return r.summary, err
	}
	r.summary.finish(r.dirs, started)
	return r.summary, err
}

func origins(sources []source) string {
	var all []string
	for _, s := range sources {
		all = append(all, s.origin())
	}
	return strings.Join(all, " ")
}

func (r *runner) run(ctx context.Context, sources []source) error {
	// An error stops the search for more; what is under way is finished, unless the caller's own context ends.
	search, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	workers := r.opts.Workers
	if workers <= 0 {
		workers = min(workersPerProcessor*runtime.GOMAXPROCS(0), workersMost)
	}
	work := make(chan item)
	var running sync.WaitGroup // items under way
	var pool sync.WaitGroup
	for range workers {
		pool.Go(func() {
			for it := range work {
				if search.Err() == nil { // else it was not dealt with
					if err := r.one(ctx, it); err != nil {
						cancel(err)
					}
				}
				running.Done()
			}
		})
	}
	w := &walker{ctx: search, known: func(it item) bool { _, ok := r.known(it); return ok }, emit: func(it item, wait bool) error {
		if it.origin != "" {
			running.Add(1)
			select {
			case work <- it:
			case <-search.Done():
				running.Done()
			}
		}
		stopped := context.Cause(search)
		if wait || stopped != nil { // an archive is closed once this returned
			running.Wait()
		}
		return stopped
	}}
	var failed error // of a source; what is under way is finished
	for _, s := range sources {
		if failed = s.each(w); failed != nil {
			break
		}
	}
	close(work)
	pool.Wait()
	if err := context.Cause(search); err != nil {
		return err
	}
	return failed
}

// one deals with a file. An error stops the run.
func (r *runner) one(ctx context.Context, it item) error {
	if it.err != nil {
		r.done(it, Item{Outcome: Quarantined, Reason: it.err.Error()})
		return nil
	}
	r.dirs.see(it.origin)
	if s, ok := r.known(it); ok {
		out := Item{Outcome: Outcome(s.Outcome), Reason: s.Reason, Digest: s.Digest}
		if out.Outcome == Stored || out.Outcome == Conflict {
			out.Outcome, out.Reason = Duplicate, ""
		}
		r.count(it, out)
		return nil
	}
	out, err := r.take(ctx, &it)
	if err != nil {
		return err
	}
	r.done(it, out)
	return r.flush(ctx, rememberEvery)
}

// known gives what an earlier run made of a file that has not changed since.
func (r *runner) known(it item) (catalog.Seen, bool) {
	s, ok := r.seen[it.origin]
	return s, ok && (it.uid || s.Size == it.size && s.Modified.UnixMilli() == it.modified.UnixMilli())
}

// cannot is what becomes of a file that cannot be read now: the next run tries again. If it is the whole source, the run stops.
func cannot(err error) (Item, error) {
	if unreachable(err) {
		return Item{}, err
	}
	return Item{Outcome: Quarantined, Reason: unreadablePath(err).Error(), again: true}, nil
}

// steady tells whether a plain file is still as it was when it was opened: someone may be writing it.
func steady(f io.Reader, it *item) func() bool {
	file, ok := f.(*os.File)
	if !ok {
		return func() bool { return true }
	}
	before, err := file.Stat()
	if err != nil {
		return func() bool { return false }
	}
	it.size, it.modified = before.Size(), before.ModTime()
	return func() bool {
		after, err := file.Stat()
		return err == nil && after.Size() == before.Size() && after.ModTime().Equal(before.ModTime())
	}
}

func (r *runner) take(ctx context.Context, it *item) (Item, error) {
	f, err := it.open(ctx)
	if err != nil {
		return cannot(err)
	}
	defer f.Close()
	still := steady(f, it)
	source := &sourceReader{r: f}
	var in io.Reader = source
	head := make([]byte, 132)
	n, _ := io.ReadFull(source, head) // what fails is in source.err
	if source.err != nil {
		return cannot(source.err)
	}
	head = head[:n]
	if !looksLikeDICOM(head) {
		return Item{Outcome: Skipped, Reason: "not DICOM: " + kindOf(head)}, nil
	}
	in = io.MultiReader(bytes.NewReader(head), source)
	if s, ok := f.(io.ReadSeeker); ok { // a plain file: large reads, straight from it
		if _, err := s.Seek(0, io.SeekStart); err == nil {
			in = source
		}
	}
	if r.opts.DryRun {
		return r.judge(ctx, *it, head, in, source)
	}
	d := describer{run: r, origin: it.origin, part10: len(head) == 132 && string(head[128:]) == "DICM", still: still}
	size := int64(-1)
	if it.ration == nil { // a member's size is only what its archive says
		size = it.size
	}
	res, err := r.archive.PutSized(ctx, in, size, store.Format{Describe: d.describe, DataSet: DataSet}, catalog.Provenance{Run: r.id, Origin: it.origin, Rules: Rules})
	switch {
	case errors.Is(err, store.ErrDrop):
		return d.skipped(head), nil
	case source.err != nil && ctx.Err() == nil:
		return cannot(source.err)
	case errors.Is(err, errChanged):
		return cannot(errChanged)
	case err != nil:
		return Item{}, fmt.Errorf("ingesting: %w", err)
	}
	return verdict(res), nil
}

// describer is Describe for one file of a run.
type describer struct {
	run       *runner
	origin    string
	part10    bool // the file says that it is DICOM
	directory bool
	still     func() bool // the source is as it was
}

func (d *describer) describe(content io.ReaderAt, size int64) (catalog.Instance, error) {
	if d.still != nil && !d.still() {
		return catalog.Instance{}, errChanged
	}
	in, err := Describe(content, size)
	if err == errDirectory {
		d.directory = true
		if derr := d.run.dirs.read(d.origin, content, size); derr != nil {
			return in, derr
		}
		return in, store.ErrDrop
	}
	if !d.part10 && in.SOPClassUID == "" && in.SOPInstanceUID == "" {
		return in, store.ErrDrop // it only looked like a bare data set
	}
	return in, err
}

const reasonDirectory = "DICOMDIR"

func (d *describer) skipped(head []byte) Item {
	if d.directory {
		return Item{Outcome: Skipped, Reason: reasonDirectory}
	}
	return Item{Outcome: Skipped, Reason: "not DICOM: " + kindOf(head)}
}

func verdict(res store.Result) Item {
	out := Item{Outcome: Outcome(res.Status), Reason: res.Reason, Digest: res.Digest}
	switch {
	case res.Status == catalog.Duplicate && res.Reason != "": // it is in quarantine already
		out.Outcome = Quarantined
	case res.Status == catalog.Duplicate:
		out.Digest = res.Known
	case res.Status == catalog.Conflict:
		out.Reason = "content " + res.Known.String() + " stands under the same SOPInstanceUID"
	}
	return out
}

// sourceReader tells a source that fails from an archive that does.
type sourceReader struct {
	r   io.Reader
	err error
}

func (s *sourceReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

func (r *runner) done(it item, out Item) {
	r.count(it, out)
	if r.opts.DryRun {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if it.err == nil && !out.again && out.Reason != reasonDirectory { // a DICOMDIR is read by every run: it says what is missing
		r.remember = append(r.remember, catalog.Seen{Origin: it.origin, Size: it.size, Modified: it.modified,
			Outcome: string(out.Outcome), Reason: out.Reason, Digest: out.Digest, Run: r.id})
	}
}

func (r *runner) count(it item, out Item) {
	out.File = it.origin
	r.mu.Lock()
	r.summary.add(out)
	r.bytes += it.size
	files, bytes := int64(r.summary.Found), r.bytes
	r.mu.Unlock()
	if r.opts.Progress != nil {
		r.opts.Progress(files, bytes)
	}
	if r.opts.Each != nil {
		r.opts.Each(out)
	}
}

// rememberEvery is how many files are noted as seen with one transaction.
const rememberEvery = 512

func (r *runner) flush(ctx context.Context, least int) error {
	r.mu.Lock()
	if len(r.remember) <= least {
		r.mu.Unlock()
		return nil
	}
	batch := r.remember
	r.remember = nil
	r.mu.Unlock()
	return r.archive.Catalog.Remember(ctx, batch)
}
