package web

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/textproto"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
)

// Part is one part of a multipart/related message (RFC 2387). It is read before the next one is asked for.
type Part struct {
	ContentType     string // as sent
	ContentLocation string
	io.Reader
}

// Syntax is the transfer syntax that the part's Content-Type names, or "".
func (p *Part) Syntax() string {
	m, _ := parseMediaType(p.ContentType)
	return m.Syntax
}

// Is reports whether the part's media type is t.
func (p *Part) Is(t string) bool {
	m, ok := parseMediaType(p.ContentType)
	return ok && m.Type == t
}

// bodyBuffer is how much of a body is read at once: mime/multipart by itself asks for 4 kB.
const bodyBuffer = 256 << 10

// relatedReader reads a multipart/related message part by part, in constant memory.
type relatedReader struct {
	r *multipart.Reader
	n int
}

// newRelatedReader reads body by its Content-Type. kind is what the parts are by the type parameter, "" where that is missing.
func newRelatedReader(body io.Reader, contentType string) (r *relatedReader, kind string, err error) {
	t, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		t, params = parseLoosely(contentType)
	}
	if t != typeRelated {
		return nil, "", &statusError{415, fault.New(fault.Input, "the message is not multipart/related")}
	}
	boundary := params["boundary"]
	if boundary == "" || len(boundary) > 200 { // RFC 2046 allows 70; some senders take more
		return nil, "", fault.New(fault.Input, "the Content-Type has no usable boundary")
	}
	return &relatedReader{r: multipart.NewReader(bufio.NewReaderSize(body, bodyBuffer), boundary)}, strings.ToLower(params["type"]), nil
}

// next is the next part; io.EOF after the last. A message that ends without its last boundary is an error.
func (r *relatedReader) next() (*Part, error) {
	p, err := r.r.NextRawPart()
	if err == io.EOF {
		return nil, io.EOF
	}
	if err != nil {
		return nil, fault.New(fault.Input, "part %d of the message: %w", r.n+1, err)
	}
	r.n++
	return &Part{ContentType: p.Header.Get("Content-Type"), ContentLocation: p.Header.Get("Content-Location"), Reader: p}, nil
}

// relatedWriter writes a multipart/related message.
type relatedWriter struct {
	w    *multipart.Writer
	kind string
}

func newRelatedWriter(w io.Writer, kind string) *relatedWriter {
	return &relatedWriter{multipart.NewWriter(w), kind}
}

// contentType is the message's Content-Type; syntax "" names none.
func (r *relatedWriter) contentType() string {
	return fmt.Sprintf(`multipart/related; type="%s"; boundary=%s`, r.kind, r.w.Boundary())
}

// part begins a part. location may be "".
func (r *relatedWriter) part(contentType, location string) (io.Writer, error) {
	h := textproto.MIMEHeader{"Content-Type": {contentType}}
	if location != "" {
		h["Content-Location"] = []string{location}
	}
	return r.w.CreatePart(h)
}

func (r *relatedWriter) close() error { return r.w.Close() }

// framing is a multipart message whose length is known before it is written: each part's header, and the end.
type framing struct{ boundary string }

func newFraming() framing { return framing{"cineloop-" + rand.Text()} }

func (f framing) head(first bool, contentType string) string {
	lead := "\r\n"
	if first {
		lead = ""
	}
	return lead + "--" + f.boundary + "\r\nContent-Type: " + contentType + "\r\n\r\n"
}

func (f framing) end() string { return "\r\n--" + f.boundary + "--\r\n" }

// typed is a media type with a transfer syntax.
func typed(t, syntax string) string {
	if syntax == "" {
		return t
	}
	return t + "; transfer-syntax=" + syntax
}
