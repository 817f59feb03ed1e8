package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// ahead is how many bytes of a part are read before the backend begins with it: most instances are whole then, and the next part is read
// while the backend works. Larger ones stream, and all do while aheadMost buffers of all requests are in use.
const (
	ahead     = 512 << 10
	aheadMost = 128
)

// aheadBuffers are those not in use; nil ones are not made yet.
var aheadBuffers = func() chan []byte {
	c := make(chan []byte, aheadMost)
	for range aheadMost {
		c <- nil
	}
	return c
}()

// readAhead reads the beginning of a part; at its end err is io.EOF. The returned function gives the buffer back.
func readAhead(part io.Reader) (head []byte, release func(), err error) {
	var buf []byte
	select {
	case buf = <-aheadBuffers:
	default:
		return nil, func() {}, nil
	}
	if buf == nil {
		buf = make([]byte, ahead)
	}
	n, err := fill(part, buf)
	return buf[:n], func() { aheadBuffers <- buf }, err
}

// fill reads until buf is full or r ends. Unlike [io.ReadFull] it leaves r's error as it is: io.ErrUnexpectedEOF is how a message that
// was cut off ends, and must not be taken for the end of a part.
func fill(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var k int
		k, err = r.Read(buf[n:])
		n += k
	}
	return n, err
}

const (
	// storing is how many instances of one request wait for the disk at once: those that wait together are made durable together.
	storing = 48
	// maxStored is how many instances one request may bring.
	maxStored = 100_000
)

// outcome is what became of one part of a store request.
type outcome struct {
	Stored
	failure int // FailureReason; 0: stored
	code    fault.Code
}

// store answers STOW-RS. Every part is read once, straight into the backend; while it is made durable the next one is read.
func (s *Server) store(w http.ResponseWriter, r *http.Request) error {
	at, err := resourceOf(r)
	if err != nil {
		return err
	}
	if _, _, err := choose(acceptsOf(r), typeJSON, "application/json"); err != nil {
		return err
	}
	body := io.Reader(r.Body)
	if s.opts.MaxBody > 0 {
		if r.ContentLength > s.opts.MaxBody {
			return &statusError{http.StatusRequestEntityTooLarge, fault.New(fault.Resource, "a request may have %d bytes", s.opts.MaxBody)}
		}
		body = http.MaxBytesReader(w, r.Body, s.opts.MaxBody)
	}
	how := Storing{Study: at.Study, From: s.opts.From(r)}
	b := &batch{s: s, ctx: r.Context(), how: how, slots: make(chan struct{}, storing)}
	err = b.read(body, r.Header.Get("Content-Type"))
	b.running.Wait()
	return b.answer(w, r, err)
}

// batch is one store request under way.
type batch struct {
	s       *Server
	ctx     context.Context
	how     Storing
	slots   chan struct{}
	running sync.WaitGroup

	mu       sync.Mutex
	outcomes []outcome
}

// read takes all parts in. Its error is one of the message, after which nothing more can be read.
func (b *batch) read(body io.Reader, contentType string) error {
	if m, ok := parseMediaType(contentType); ok && !m.Related && m.Type == typeDICOM {
		return b.take(body) // one instance without wrapping, which the standard doesn't know and people send
	}
	parts, kind, err := newRelatedReader(body, contentType)
	if err != nil {
		return err
	}
	switch kind {
	case typeJSON, "application/json":
		return b.readJSON(parts)
	case typeDICOM, typeBytes, "":
	default:
		return &statusError{http.StatusUnsupportedMediaType, fault.New(fault.Input, "parts are application/dicom or application/dicom+json")}
	}
	for n := 0; ; n++ {
		p, err := parts.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if n == maxStored {
			return &statusError{http.StatusRequestEntityTooLarge, fault.New(fault.Resource, "more than %d instances in one request", maxStored)}
		}
		if p.ContentType != "" && !p.Is(typeDICOM) && !p.Is(typeBytes) {
			b.add(outcome{failure: FailureUnreadable, code: fault.Input})
			continue
		}
		if err := b.take(p); err != nil {
			return err
		}
	}
}

// take gives one instance to the backend and returns when its bytes are read; the backend goes on. The error is the message's.
func (b *batch) take(part io.Reader) error {
	select {
	case b.slots <- struct{}{}:
	case <-b.ctx.Done():
		return context.Cause(b.ctx)
	}
	head, release, err := readAhead(part)
	in := &partReader{head: head, r: part, left: b.s.opts.MaxFile, done: make(chan struct{})}
	if err != nil {
		in.end(err)
	}
	at := b.add(outcome{failure: FailureProcessing, code: fault.Internal})
	b.running.Go(func() {
		stored, err := b.s.backend.Store(b.ctx, in, b.how)
		in.finish()
		release()
		b.set(at, outcomeOf(stored, err))
		<-b.slots
	})
	<-in.done
	return in.err
}

func (b *batch) add(o outcome) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.outcomes = append(b.outcomes, o)
	return len(b.outcomes) - 1
}

func (b *batch) set(i int, o outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.outcomes[i] = o
}

func outcomeOf(stored Stored, err error) outcome {
	o := outcome{Stored: stored, code: fault.CodeOf(err)}
	switch {
	case err == nil:
	case errors.Is(err, ErrOtherStudy):
		o.failure = FailureMismatch
	case o.code == fault.Resource:
		o.failure = FailureOutOfResource
	case o.code == fault.Input:
		o.failure = FailureUnreadable
	default:
		o.failure = FailureProcessing
	}
	return o
}

// partReader is a part, of which the head was read ahead. It tells when the message has been read to the part's end, or will not be
// read further.
type partReader struct {
	head []byte
	r    io.Reader
	left int64
	last error // what comes after head, once the message is at the part's end
	err  error // of the message; set before done
	once sync.Once
	done chan struct{}
}

var errTooLarge = fault.New(fault.Resource, "the instance is larger than this server takes")

func (p *partReader) Read(buf []byte) (int, error) {
	if p.left <= 0 {
		return 0, errTooLarge
	}
	buf = buf[:min(int64(len(buf)), p.left)]
	if len(p.head) > 0 {
		n := copy(buf, p.head)
		p.head, p.left = p.head[n:], p.left-int64(n)
		return n, nil
	}
	if p.last != nil {
		return 0, p.last
	}
	n, err := fill(p.r, buf) // the message gives 4 kB at a time, which would be as many writes
	p.left -= int64(n)
	if err != nil {
		p.end(err)
	}
	if n > 0 {
		return n, nil
	}
	return 0, p.last
}

// end notes that nothing more comes from the message for this part.
func (p *partReader) end(err error) {
	if err != io.EOF {
		p.err = fault.New(fault.Input, "the message breaks off: %w", err)
		err = p.err
	}
	p.last = err
	p.finish()
}

func (p *partReader) finish() { p.once.Do(func() { close(p.done) }) }

// answer says for every instance what became of it (PS3.18 section 10.5.3). failed is why the rest of the message was not read.
func (b *batch) answer(w http.ResponseWriter, r *http.Request, failed error) error {
	stored, warned, full := 0, 0, 0
	ds := dicom.NewDataSet()
	var good, bad, other []*dicom.DataSet
	study, oneStudy := "", true
	for _, o := range b.outcomes {
		it := dicom.NewDataSet()
		if o.SOPClassUID != "" && o.Instance != "" {
			it.SetString(tag.ReferencedSOPClassUID, o.SOPClassUID)
			it.SetString(tag.ReferencedSOPInstanceUID, o.Instance)
		}
		switch {
		case o.failure == 0:
			stored++
			it.SetString(tag.RetrieveURL, b.s.url(r, o.Resource))
			if o.Conflict {
				warned++
				it.SetInts(tag.WarningReason, WarningConflict)
			}
			if study == "" {
				study = o.Study
			}
			oneStudy = oneStudy && study == o.Study
			good = append(good, it)
		case it.Len() > 0:
			it.SetInts(tag.FailureReason, o.failure)
			bad = append(bad, it)
		default:
			it.SetInts(tag.FailureReason, o.failure)
			other = append(other, it)
		}
		if o.failure == FailureOutOfResource {
			full++
		}
	}
	if failed != nil && len(b.outcomes) == 0 {
		return failed
	}
	if len(b.outcomes) == 0 {
		return fault.New(fault.Input, "the message has no instances")
	}
	if stored > 0 && oneStudy {
		ds.SetString(tag.RetrieveURL, b.s.url(r, Resource{Study: study}))
	}
	for _, part := range []struct {
		t     tag.Tag
		items []*dicom.DataSet
	}{{tag.ReferencedSOPSequence, good}, {tag.FailedSOPSequence, bad}, {tag.OtherFailuresSequence, other}} {
		if len(part.items) > 0 {
			ds.SetSequence(part.t, part.items...)
		}
	}
	status := http.StatusOK
	switch {
	case stored == 0 && full > 0:
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "60")
	case stored == 0 && failed != nil:
		status = statusOf(failed)
	case stored == 0:
		status = http.StatusConflict
	case stored < len(b.outcomes) || warned > 0 || failed != nil:
		status = http.StatusAccepted
	}
	body, err := ds.JSON(maxInline, nil)
	if err != nil {
		return err
	}
	if failed != nil {
		warning(w, r, "The message was not read to its end")
		w.Header().Set("Connection", "close")
	}
	w.Header().Set("Content-Type", typeJSON)
	w.WriteHeader(status)
	_, err = w.Write(body)
	return err
}
