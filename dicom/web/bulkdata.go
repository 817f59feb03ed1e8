package web

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

// bulkdata answers with one value of an instance: bytes in little endian, by ranges if asked for. Encapsulated pixel data are given
// frame by frame.
func (s *Server) bulkdata(w http.ResponseWriter, r *http.Request) error {
	at, err := resourceOf(r)
	if err != nil {
		return err
	}
	in, err := s.first(r.Context(), at)
	if err != nil {
		return err
	}
	path := r.PathValue("path")
	f, err := s.fileOf(r.Context(), in)
	if err != nil {
		return err
	}
	defer f.Close()
	e, err := findBulk(f.DataSet, path)
	if err != nil {
		return err
	}
	if e.Fragments() != nil {
		if e.Tag != tag.PixelData {
			return fault.New(fault.NotFound, "fragments that are no pixel data are given with their instance only")
		}
		im, err := pixel.Open(f.File)
		if err != nil {
			return err
		}
		n := im.Frames
		if in.Syntax.IsVideo() {
			n = 1
		}
		r.SetPathValue("frames", frameList(n))
		return s.frames(w, r)
	}
	_, m, err := choose(acceptsOf(r), typeBytes)
	if err != nil {
		return err
	}
	if notModified(w, r, in.Tag+"-"+path) {
		return nil
	}
	var content io.ReadSeeker = e.Reader()
	if size := e.Kind().WordSize(); e.BigEndian() && size > 1 {
		b, err := e.Bytes()
		if err != nil {
			return err
		}
		b = bytes.Clone(b)
		for p := b; len(p) >= size; p = p[size:] {
			for i, j := 0, size-1; i < j; i, j = i+1, j-1 {
				p[i], p[j] = p[j], p[i]
			}
		}
		content = bytes.NewReader(b)
	}
	kind := typed(typeBytes, uid.ExplicitVRLittleEndian)
	if !m.Related {
		w.Header().Set("Content-Type", typeBytes)
		http.ServeContent(w, r, "", time.Time{}, content)
		return nil
	}
	out := newRelatedWriter(w, typeBytes)
	w.Header().Set("Content-Type", out.contentType())
	p, err := out.part(kind, s.url(r, in.Resource)+"/bulkdata/"+path)
	if err != nil {
		return err
	}
	buf := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buf)
	if _, err := io.CopyBuffer(struct{ io.Writer }{p}, struct{ io.Reader }{content}, *buf); err != nil {
		return err
	}
	return out.close()
}

func frameList(n int) string {
	b := make([]byte, 0, 7*n)
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(i)+1, 10)
	}
	return string(b)
}

// serveBytes gives b, by ranges if asked for. The Content-Type is set.
func serveBytes(w http.ResponseWriter, r *http.Request, b []byte) error {
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
	return nil
}
