package web

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

// wanted are the transfer syntaxes that a client takes, the dearest first.
type wanted struct {
	any      bool                   // as it is stored, whatever that is
	syntaxes []dicom.TransferSyntax // and these
	plain    bool                   // none was named: explicit little endian, and as stored where that can't be
}

// want collects the syntaxes of all accepted media types that cover t in the given form.
func want(accepts []mediaType, t string, related bool) (w wanted) {
	for _, m := range accepts {
		if !m.matches(t) || m.Related != related && m.Type != "*/*" {
			continue
		}
		switch {
		case m.Syntax == "*":
			w.any = true
		case m.Syntax != "":
			w.syntaxes = append(w.syntaxes, dicom.TransferSyntax(m.Syntax))
		default:
			w.plain = true
		}
	}
	if !w.any && len(w.syntaxes) == 0 {
		w.plain = true
	}
	if w.plain {
		w.syntaxes = append(w.syntaxes, uid.ExplicitVRLittleEndian)
	}
	return w
}

// pick is the syntax to give an instance in that is stored as have.
func (w wanted) pick(have dicom.TransferSyntax) (dicom.TransferSyntax, bool) {
	if w.any || slices.Contains(w.syntaxes, have) {
		return have, true
	}
	for _, to := range w.syntaxes {
		if canGive(have, to) {
			return to, true
		}
	}
	return have, w.plain
}

// canGive reports whether transcoding is worth trying.
func canGive(have, to dicom.TransferSyntax) bool {
	if !to.Known() || have.IsVideo() {
		return false
	}
	return !to.IsEncapsulated() || pixel.CanEncode(to) == nil
}

// retrieve answers WADO-RS for studies, series and instances.
func (s *Server) retrieve(w http.ResponseWriter, r *http.Request) error {
	at, err := resourceOf(r)
	if err != nil {
		return err
	}
	accepts := acceptsOf(r)
	_, m, err := choose(accepts, typeDICOM)
	if err != nil {
		return err
	}
	single := !m.Related && (m.Type == typeDICOM && len(accepts) > 0 || at.Instance != "")
	if single {
		in, err := s.first(r.Context(), at)
		if err != nil {
			return err
		}
		if at.Instance == "" {
			n := 0
			for range s.backend.List(r.Context(), at) {
				if n++; n > 1 {
					return errNotAcceptable(`multipart/related; type="application/dicom"`)
				}
			}
		}
		return s.single(w, r, in, want(accepts, typeDICOM, false))
	}
	return s.many(w, r, at, want(accepts, typeDICOM, true))
}

// single gives one instance as application/dicom, by ranges if asked for.
func (s *Server) single(w http.ResponseWriter, r *http.Request, in Instance, take wanted) error {
	to, ok := take.pick(in.Syntax)
	if !ok {
		return errSyntax
	}
	if notModified(w, r, in.Tag+"-"+string(to)) {
		return nil
	}
	content, to, err := s.as(r.Context(), in, to, take.plain)
	if err != nil {
		return err
	}
	defer content.Close()
	h := w.Header()
	h.Set("ETag", `"`+in.Tag+"-"+string(to)+`"`)
	h.Set("Content-Type", typed(typeDICOM, string(to)))
	h.Set("Content-Disposition", "attachment")
	h.Set("Content-Location", s.url(r, in.Resource))
	http.ServeContent(w, r, "", time.Time{}, io.NewSectionReader(content, 0, content.Size()))
	return nil
}

var errSyntax = &statusError{http.StatusNotAcceptable, fault.New(fault.Input, "the pixel data can't be given in the accepted transfer syntaxes")}

// many gives instances as parts. Those that can't be given in an accepted transfer syntax are left out, and the answer is 206 then
// (PS3.18 section 10.4.3).
func (s *Server) many(w http.ResponseWriter, r *http.Request, at Resource, take wanted) error {
	pieces := newBehind(w)
	err := s.manyTo(pieces, w, r, at, take)
	if cerr := pieces.close(err == nil); err == nil {
		err = cerr
	}
	return err
}

func (s *Server) manyTo(pieces io.Writer, w http.ResponseWriter, r *http.Request, at Resource, take wanted) error {
	out := newRelatedWriter(pieces, typeDICOM)
	left, found := 0, 0
	if !take.any && !take.plain { // ask before the status line is gone
		for in, err := range s.backend.List(r.Context(), at) {
			if err != nil {
				return err
			}
			found++
			if _, ok := take.pick(in.Syntax); !ok {
				left++
			}
		}
		if found > 0 && left == found {
			return errSyntax
		}
	}
	begun := false
	for in, err := range s.backend.List(r.Context(), at) {
		if err != nil {
			return err
		}
		to, ok := take.pick(in.Syntax)
		if !ok {
			continue
		}
		content, to, err := s.as(r.Context(), in, to, take.plain)
		if err != nil {
			return err
		}
		if !begun {
			begun = true
			w.Header().Set("Content-Type", out.contentType())
			w.Header().Set("Cache-Control", "private, no-store")
			if left > 0 {
				w.WriteHeader(http.StatusPartialContent)
			}
		}
		err = s.part(out, r, in, to, content)
		content.Close()
		if err != nil {
			return err
		}
	}
	if !begun {
		return errNothing
	}
	return out.close()
}

func (s *Server) part(out *relatedWriter, r *http.Request, in Instance, to dicom.TransferSyntax, content Content) error {
	if r.Method == http.MethodHead {
		return nil
	}
	p, err := out.part(typed(typeDICOM, string(to)), s.url(r, in.Resource))
	if err != nil {
		return err
	}
	return copyContent(r.Context(), p, content)
}

var copyBuffers = sync.Pool{New: func() any { b := make([]byte, 256<<10); return &b }}

// copyContent copies all of content in pieces, until the client is gone.
func copyContent(ctx context.Context, w io.Writer, content Content) error {
	buf := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buf)
	for off := int64(0); off < content.Size(); {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		n, err := content.ReadAt((*buf)[:min(int64(len(*buf)), content.Size()-off)], off)
		if n == 0 && err != nil {
			return err
		}
		if _, err := w.Write((*buf)[:n]); err != nil {
			return err
		}
		off += int64(n)
	}
	return nil
}

// as opens an instance in a transfer syntax. With fallback what can't be converted is given as it is stored.
func (s *Server) as(ctx context.Context, in Instance, to dicom.TransferSyntax, fallback bool) (Content, dicom.TransferSyntax, error) {
	content, err := s.backend.Open(ctx, in)
	if err != nil {
		return nil, to, err
	}
	if to == in.Syntax {
		return content, to, nil
	}
	converted, err := s.convert(ctx, content, to)
	if err == nil {
		content.Close()
		return converted, to, nil
	}
	if fallback && ctx.Err() == nil && fault.CodeOf(err) != fault.Resource {
		return content, in.Syntax, nil
	}
	content.Close()
	if code := fault.CodeOf(err); code == fault.Input || code == fault.Usage || code == fault.Missing {
		err = &statusError{http.StatusNotAcceptable, fault.New(code, "an instance can't be given in the accepted transfer syntaxes: %w", err)}
	}
	return nil, to, err
}

// convert transcodes into memory or, where that is too much, a temporary file.
func (s *Server) convert(ctx context.Context, content Content, to dicom.TransferSyntax) (Content, error) {
	done, err := s.slot(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	f, err := dicom.Read(content, content.Size())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sp := &spool{dir: s.opts.TempDir}
	if err := pixel.Transcode(ctx, sp, f, to); err != nil {
		sp.Close()
		return nil, err
	}
	return sp, nil
}

// spool holds bytes: in memory up to a limit, then in a temporary file that nobody else can see.
type spool struct {
	dir  string
	mem  bytes.Buffer
	file *os.File
	n    int64
}

const spoolMemory = 8 << 20

func (s *spool) Write(p []byte) (int, error) {
	if s.file == nil && s.mem.Len()+len(p) > spoolMemory {
		f, err := os.CreateTemp(s.dir, "cineloop-web-*")
		if err != nil {
			return 0, fault.New(fault.Resource, "no temporary file: %w", err)
		}
		os.Remove(f.Name()) // the open file is enough, and nothing is left behind
		s.file = f
		if _, err := f.Write(s.mem.Bytes()); err != nil {
			return 0, fault.New(fault.Resource, "writing a temporary file: %w", err)
		}
		s.mem = bytes.Buffer{}
	}
	if s.file == nil {
		s.n += int64(len(p))
		return s.mem.Write(p)
	}
	n, err := s.file.Write(p)
	s.n += int64(n)
	if err != nil {
		err = fault.New(fault.Resource, "writing a temporary file: %w", err)
	}
	return n, err
}

func (s *spool) ReadAt(p []byte, off int64) (int, error) {
	if s.file != nil {
		return s.file.ReadAt(p, off)
	}
	return bytes.NewReader(s.mem.Bytes()).ReadAt(p, off)
}

func (s *spool) Size() int64 { return s.n }

func (s *spool) Close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// fileOf opens an instance and reads its headers.
func (s *Server) fileOf(ctx context.Context, in Instance, opts ...dicom.Option) (*openFile, error) {
	content, err := s.backend.Open(ctx, in)
	if err != nil {
		return nil, err
	}
	f, err := dicom.Read(content, content.Size(), opts...)
	if err != nil {
		content.Close()
		return nil, err
	}
	return &openFile{f, content}, nil
}

type openFile struct {
	*dicom.File
	content Content
}

func (f *openFile) Close() error {
	f.File.Close()
	return f.content.Close()
}
