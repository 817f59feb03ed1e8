package reading

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/export"
	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/internal/fault"
)

// An export is written into a folder of the project's, packed into one zip, sent, and taken away again. A program asks for it with one POST
// and waits. A browser begins one, asks how far it is, and takes the zip as a download, which goes to its disk and not through its memory. Either
// way the access log has it before anything is written, and the project's log before anything is sent.

const (
	exportPrefix = ".exporting-"    // of folders that are taken away when the server starts
	maxExports   = 2                // under way or waiting to be fetched: each takes room on the disk
	keepExport   = 15 * time.Minute // for the browser to fetch it
)

// exports are those under way.
type exports struct {
	mu     sync.Mutex
	of     map[string]*exporting
	n      int
	closed bool
	wait   sync.WaitGroup
}

// exporting is one of them.
type exporting struct {
	session *session
	dir     string // the folder; the zip lies in it
	cancel  context.CancelFunc

	mu    sync.Mutex
	state string // writing, packing, ready, failed
	m     *export.Manifest
	err   error
}

// zipFile in an export's folder.
const zipFile = "export.zip"

// exportView is how far one is.
type exportView struct {
	ID       string   `json:"id"`
	State    string   `json:"state"`
	Files    int      `json:"files"`
	Bytes    int64    `json:"bytes"`
	Readings int      `json:"readings,omitempty"`
	Drafts   int      `json:"drafts_left_out,omitempty"`
	Notes    []string `json:"notes,omitempty"`
	Refused  *refusal `json:"refused,omitempty"`
}

type exportRequest struct {
	Formats []string `json:"formats"`
}

// begin takes a place and a folder; the caller gives both back with end.
func (s *Server) beginExport(v *visitor) (*exporting, error) {
	x := &s.coordinate.exports
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return nil, fault.New(fault.Missing, "the server is going down")
	}
	if x.n >= maxExports {
		return nil, fault.New(fault.Conflict, "%d exports are under way or waiting to be fetched", x.n).WithHint("try again in a few minutes")
	}
	dir, err := os.MkdirTemp(s.project.Dir(), exportPrefix)
	if err != nil {
		return nil, fault.New(fault.Resource, "a folder for the export: %w", err)
	}
	x.n++
	x.wait.Add(1)
	return &exporting{session: v.session, dir: dir, state: "writing"}, nil
}

func (s *Server) endExport(e *exporting) {
	if e.cancel != nil {
		e.cancel()
	}
	_ = os.RemoveAll(e.dir) // what stays goes when the server starts
	x := &s.coordinate.exports
	x.mu.Lock()
	x.n--
	x.mu.Unlock()
	x.wait.Done()
}

func (e *exporting) set(state string) {
	e.mu.Lock()
	e.state = state
	e.mu.Unlock()
}

// run writes, notes and packs.
func (s *Server) runExport(ctx context.Context, v *visitor, e *exporting, formats []string) error {
	if err := s.project.May(v.who, policy.Export); err != nil {
		return err
	}
	records, err := s.project.RecordsFor(v.who)
	if err != nil {
		return err
	}
	if err := s.log.durable(entry{Event: "export", Who: v.who, Session: v.session.tag, Kind: strings.Join(formats, ",")}); err != nil {
		return err
	}
	out := filepath.Join(e.dir, "files")
	if e.m, err = export.Write(ctx, records, s.project.Head(), formats, out); err != nil {
		return err
	}
	digest, err := e.m.Digest()
	if err != nil {
		return err
	}
	e.set("packing")
	if err := export.Zip(ctx, e.m, out, filepath.Join(e.dir, zipFile)); err != nil {
		return err
	}
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	_, err = s.performOwn(ctx, v, annotate.Exported, map[string]any{"formats": e.m.Formats, "sha256": digest}, "")
	return err
}

// checkFormats refuses what is no format before it gets anywhere.
func checkFormats(formats []string) error {
	if len(formats) == 0 || len(formats) > len(export.Formats) {
		return fault.New(fault.Usage, "an export has one format or more of %v", export.Formats)
	}
	known := map[string]bool{}
	for _, f := range export.Formats {
		known[f] = true
	}
	for _, f := range formats {
		if !known[f] {
			return fault.New(fault.Usage, "the formats are %v", export.Formats)
		}
	}
	return nil
}

// askExport reads a request of somebody who may export.
func (s *Server) askExport(r *http.Request, v *visitor) ([]string, error) {
	var in exportRequest
	if err := read(r, &in); err != nil {
		return nil, err
	}
	if err := s.project.May(v.who, policy.Export); err != nil {
		return nil, err
	}
	if err := s.needProof(v); err != nil {
		return nil, err
	}
	return in.Formats, checkFormats(in.Formats)
}

// postExport is an export in one answer.
func (s *Server) postExport(w http.ResponseWriter, r *http.Request, v *visitor) error {
	formats, err := s.askExport(r, v)
	if err != nil {
		return err
	}
	e, err := s.beginExport(v)
	if err != nil {
		return err
	}
	defer s.endExport(e)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(v.session.ctx, cancel)()
	if err := s.runExport(ctx, v, e, formats); err != nil {
		return err
	}
	return e.send(w, r)
}

// postExportJob begins one and says how to ask for it.
func (s *Server) postExportJob(w http.ResponseWriter, r *http.Request, v *visitor) error {
	formats, err := s.askExport(r, v)
	if err != nil {
		return err
	}
	e, err := s.beginExport(v)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(v.session.ctx) // it goes on when this request is over, and ends with the session
	e.cancel = cancel
	id := rand.Text()
	x := &s.coordinate.exports
	x.mu.Lock()
	if x.of == nil {
		x.of = map[string]*exporting{}
	}
	x.of[id] = e
	x.mu.Unlock()
	go func() {
		err := s.runExport(ctx, v, e, formats)
		e.mu.Lock()
		e.state, e.err = "ready", err
		if err != nil {
			e.state = "failed"
		}
		e.mu.Unlock()
		keep := time.NewTimer(keepExport)
		defer keep.Stop()
		select {
		case <-ctx.Done(): // fetched, given up, or the session has ended
		case <-keep.C:
		}
		x.mu.Lock()
		delete(x.of, id)
		x.mu.Unlock()
		s.endExport(e)
	}()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	return tell(w, e.view(id), nil)
}

// exportOf is a session's own.
func (s *Server) exportOf(v *visitor, id string) (*exporting, error) {
	x := &s.coordinate.exports
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.of[id]
	if e == nil || e.session != v.session {
		return nil, annotate.ErrUnknown
	}
	return e, nil
}

func (s *Server) getExportJob(w http.ResponseWriter, r *http.Request, v *visitor) error {
	id := r.PathValue("id")
	e, err := s.exportOf(v, id)
	if err != nil {
		return err
	}
	return tell(w, e.view(id), nil)
}

func (s *Server) deleteExportJob(w http.ResponseWriter, r *http.Request, v *visitor) error {
	e, err := s.exportOf(v, r.PathValue("id"))
	if err != nil {
		return err
	}
	e.cancel()
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) getExportZip(w http.ResponseWriter, r *http.Request, v *visitor) error {
	e, err := s.exportOf(v, r.PathValue("id"))
	if err != nil {
		return err
	}
	e.mu.Lock()
	state := e.state
	e.mu.Unlock()
	if state != "ready" {
		return fault.New(fault.Conflict, "the export is not ready")
	}
	if err := s.log.add(entry{Event: "export", Who: v.who, Session: v.session.tag, Kind: "fetched"}); err != nil {
		return err
	}
	if err := e.send(w, r); err != nil {
		return err
	}
	if r.Context().Err() == nil {
		e.cancel() // a browser whose connection broke may try again
	}
	return nil
}

// view is how far it is. Files are counted on the disk as they come.
func (e *exporting) view(id string) exportView {
	e.mu.Lock()
	out := exportView{ID: id, State: e.state}
	if e.err != nil {
		no := refuse(e.err)
		out.Refused = &no
	}
	m := e.m
	e.mu.Unlock()
	if out.State == "ready" {
		out.Files, out.Readings, out.Drafts, out.Notes = len(m.Files)+1, m.Readings, m.Drafts, m.Notes
		if st, err := os.Stat(filepath.Join(e.dir, zipFile)); err == nil {
			out.Bytes = st.Size()
		}
		return out
	}
	_ = filepath.WalkDir(filepath.Join(e.dir, "files"), func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // not there yet, or gone meanwhile
		}
		if st, err := d.Info(); err == nil {
			out.Files++
			out.Bytes += st.Size()
		}
		return nil
	})
	return out
}

// send gives the zip.
func (e *exporting) send(w http.ResponseWriter, r *http.Request) error {
	f, err := os.Open(filepath.Join(e.dir, zipFile))
	if err != nil {
		return fault.New(fault.NotFound, "the export is gone")
	}
	defer f.Close()
	h := w.Header()
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Disposition", `attachment; filename="cineloop-readings.zip"`)
	http.ServeContent(w, r, "", time.Time{}, f)
	return nil
}

// closeExports ends those under way and waits for them to be taken away.
func (s *Server) closeExports() {
	x := &s.coordinate.exports
	x.mu.Lock()
	x.closed = true
	for _, e := range x.of {
		e.cancel()
	}
	x.mu.Unlock()
	x.wait.Wait()
}

// sweepExports takes away what a server left that was killed.
func sweepExports(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, exportPrefix+"*"))
	for _, d := range left {
		err = errors.Join(err, os.RemoveAll(d))
	}
	return err
}
