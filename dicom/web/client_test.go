package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// peer is a client of a server made by hand.
func peer(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	srv := httptest.NewServer(h)
	c, err := NewClient(srv.URL+"/pacs/", ClientOptions{Wait: time.Millisecond, HTTP: srv.Client(), PageSize: 3, Token: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); srv.Close() })
	return c
}

func TestNewClient(t *testing.T) {
	for in, want := range map[string]string{
		"https://pacs/dicom-web/": "https://pacs/dicom-web", "dicomweb://pacs/x": "https://pacs/x", "dicomweb://127.0.0.1:80/x": "http://127.0.0.1:80/x",
		"dicomweb://[::1]/x": "http://[::1]/x", "dicomweb+http://pacs/x": "http://pacs/x", "https://user:pw@pacs/x?q#f": "https://pacs/x",
	} {
		c, err := NewClient(in, ClientOptions{})
		if err != nil || c.URL() != want {
			t.Errorf("%s: %v, %v", in, c, err)
		}
	}
	c, _ := NewClient("https://user:pw@pacs/x", ClientOptions{})
	if c.opts.User != "user" || c.opts.Password != "pw" {
		t.Errorf("%+v", c.opts)
	}
	for _, bad := range []string{"", "pacs", "ftp://pacs", "://", "https://"} {
		if _, err := NewClient(bad, ClientOptions{}); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestRetries(t *testing.T) {
	var n atomic.Int32
	answers := []int{503, 429, 502, 200}
	c := peer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" || !strings.HasPrefix(r.URL.Path, "/pacs/studies") {
			t.Errorf("%s %v", r.URL.Path, r.Header)
		}
		w.WriteHeader(answers[min(int(n.Add(1)-1), len(answers)-1)])
		io.WriteString(w, "[]")
	})
	count := func() (int, error) {
		i := 0
		for _, err := range c.Search(t.Context(), Query{}) {
			if err != nil {
				return i, err
			}
			i++
		}
		return i, nil
	}
	if got, err := count(); got != 0 || err != nil || n.Load() != 4 {
		t.Errorf("%d, %v after %d requests", got, err, n.Load())
	}
	n.Store(0)
	answers = []int{503}
	if _, err := count(); fault.CodeOf(err) != fault.Resource || n.Load() != 5 {
		t.Errorf("%v after %d requests", err, n.Load())
	}
	for status, code := range map[int]fault.Code{400: fault.Usage, 401: fault.Usage, 403: fault.Usage, 404: fault.NotFound, 406: fault.Input, 409: fault.Conflict, 413: fault.Resource, 500: fault.Missing} {
		n.Store(0)
		answers = []int{status}
		if _, err := count(); fault.CodeOf(err) != code || n.Load() != 1 {
			t.Errorf("%d: %v after %d requests", status, err, n.Load())
		}
	}
	dead, _ := NewClient("http://127.0.0.1:1/x", ClientOptions{Wait: time.Millisecond, Retries: 1})
	for _, err := range dead.Search(t.Context(), Query{Match: []Match{{Attribute: Attribute{tag.PatientName}, Value: "Doe"}}}) {
		if fault.CodeOf(err) != fault.Missing || strings.Contains(err.Error(), "Doe") {
			t.Errorf("nobody there: %v", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range dead.Search(ctx, Query{}) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	}
}

// study is a record.
func study(i int) string { return fmt.Sprintf(`{"0020000D":{"vr":"UI","Value":["1.2.%d"]}}`, i) }

func TestPages(t *testing.T) {
	for name, c := range map[string]struct {
		total, limit, most int
		ignoreOffset       bool
		ignoreLimit        bool
		noContent          bool
		want               int
		fails              bool
	}{
		"none": {total: 0, want: 0}, "none, 204": {total: 0, noContent: true}, "one page": {total: 2, want: 2}, "exact page": {total: 3, want: 3},
		"many": {total: 10, want: 10}, "limited": {total: 10, limit: 4, want: 4}, "limit of one page": {total: 10, limit: 3, want: 3},
		"server gives fewer and says so": {total: 10, most: 2, want: 10}, "server knows no offset": {total: 10, ignoreOffset: true, fails: true},
		"server knows no limit": {total: 10, ignoreLimit: true, want: 10}, "server knows no limit, few wanted": {total: 10, ignoreLimit: true, limit: 4, want: 4},
		"asked for none": {total: 10, limit: -1, want: 0},
	} {
		t.Run(name, func(t *testing.T) {
			cl := peer(t, func(w http.ResponseWriter, r *http.Request) {
				offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
				limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
				if c.ignoreOffset {
					offset = 0
				}
				if c.ignoreLimit {
					limit = c.total
				}
				if c.most > 0 {
					limit = min(limit, c.most)
				}
				end := min(offset+limit, c.total)
				if end < c.total {
					w.Header().Set("Warning", `299 pacs "There are 7 additional results that can be requested"`)
				}
				var list []string
				for i := offset; i < end; i++ {
					list = append(list, study(i))
				}
				if c.noContent && len(list) == 0 {
					w.WriteHeader(204)
					return
				}
				io.WriteString(w, "["+strings.Join(list, ",")+"]")
			})
			got := map[string]bool{}
			var failed error
			for ds, err := range cl.Search(t.Context(), Query{Limit: c.limit}) {
				if err != nil {
					failed = err
					break
				}
				got[ds.String(tag.StudyInstanceUID)] = true
			}
			if c.fails != (failed != nil) || !c.fails && len(got) != c.want {
				t.Errorf("%d records, %v", len(got), failed)
			}
		})
	}
}

func TestWrongAnswers(t *testing.T) {
	for _, body := range []string{"{}", "[1]", "[{", `[{"00100010":{"vr":"XX"}}]`, "<html>", `[` + study(1), `["a"]`} {
		c := peer(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, body) })
		var failed error
		for _, err := range c.Search(t.Context(), Query{}) {
			failed = err
		}
		if fault.CodeOf(failed) != fault.Input {
			t.Errorf("%s: %v", body, failed)
		}
	}
}

// flaky gives an instance in pieces: every connection breaks after some bytes.
type flaky struct {
	content   []byte
	piece     int
	ranges    bool // knows ranges and gives a strong ETag
	multipart bool // gives multipart/related only
	change    bool // gives other bytes from the second time on
	asked     int
}

func (f *flaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.asked++
	b := f.content
	if f.change && f.asked > 1 {
		b = bytes.ToUpper(b)
	}
	if f.multipart {
		if !strings.HasPrefix(r.Header.Get("Accept"), "multipart/related") {
			w.WriteHeader(406)
			return
		}
		mw := newRelatedWriter(w, typeDICOM)
		w.Header().Set("Content-Type", mw.contentType())
		p, _ := mw.part(typeDICOM, "")
		p.Write(b[:min(f.piece*f.asked, len(b))])
		if f.piece*f.asked < len(b) {
			panic(http.ErrAbortHandler)
		}
		mw.close()
		return
	}
	from := 0
	if f.ranges {
		w.Header().Set("ETag", `"v1"`)
		if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err == nil {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(b)-1, len(b)))
			w.Header().Set("Content-Length", strconv.Itoa(len(b)-from))
			w.Header().Set("Content-Type", typeDICOM)
			w.WriteHeader(206)
			w.Write(b[from:min(from+f.piece, len(b))])
			if from+f.piece < len(b) {
				panic(http.ErrAbortHandler)
			}
			return
		}
	}
	w.Header().Set("Content-Type", typeDICOM)
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	end := f.piece
	if !f.ranges {
		end = f.piece * f.asked // comes further each time
	}
	w.Write(b[:min(end, len(b))])
	if end < len(b) {
		panic(http.ErrAbortHandler)
	}
}

func TestBrokenConnections(t *testing.T) {
	content := bytes.Repeat([]byte("abcdefghij"), 20_000)
	for name, f := range map[string]*flaky{
		"by ranges": {piece: 30_000, ranges: true}, "by comparing": {piece: 60_000}, "multipart": {piece: 60_000, multipart: true}, "whole": {piece: 1e6, ranges: true},
	} {
		t.Run(name, func(t *testing.T) {
			f.content = content
			c := peer(t, f.ServeHTTP)
			o, err := c.Open(t.Context(), Resource{"1", "2", "3"}, "")
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(o)
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if err := o.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("changed meanwhile", func(t *testing.T) {
		f := &flaky{content: content, piece: 60_000, change: true}
		c := peer(t, f.ServeHTTP)
		o, err := c.Open(t.Context(), Resource{"1", "2", "3"}, "")
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		if _, err := io.ReadAll(o); fault.CodeOf(err) != fault.Input {
			t.Errorf("%v", err)
		}
	})
	t.Run("never comes further", func(t *testing.T) {
		c := peer(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.Header().Set("Content-Type", typeDICOM)
			io.WriteString(w, "abc")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		})
		o, err := c.Open(t.Context(), Resource{"1", "2", "3"}, "")
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		if b, err := io.ReadAll(o); fault.CodeOf(err) != fault.Missing || len(b) != 3 {
			t.Errorf("%d bytes, %v", len(b), err)
		}
	})
}

func TestStoreBatches(t *testing.T) {
	// This server refuses a whole request for one bad instance, answers 200 with nothing, or forgets one.
	var mode string
	var sizes []int
	c := peer(t, func(w http.ResponseWriter, r *http.Request) {
		parts, kind, err := newRelatedReader(r.Body, r.Header.Get("Content-Type"))
		if err != nil || kind != typeDICOM || r.ContentLength <= 0 {
			t.Errorf("%v, %q, %d", err, kind, r.ContentLength)
			return
		}
		var names []string
		for {
			p, err := parts.next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return // the sender's own fault, below
			}
			b, _ := io.ReadAll(p)
			names = append(names, string(b))
		}
		sizes = append(sizes, len(names))
		switch {
		case mode == "bad" && strings.Contains(strings.Join(names, " "), "bad"):
			w.WriteHeader(400)
			return
		case mode == "silent":
			return
		case mode == "forgets":
			names = names[1:]
		}
		var items []string
		for _, n := range names {
			items = append(items, fmt.Sprintf(`{"00081155":{"vr":"UI","Value":["%d"]}}`, len(n)))
		}
		if len(items) > 0 {
			fmt.Fprintf(w, `{"00081199":{"vr":"SQ","Value":[%s]}}`, strings.Join(items, ","))
		}
	})
	send := func(n int, opts StoreOptions, names ...string) (StoreResult, error) {
		sizes = nil
		return c.Store(t.Context(), func(yield func(Upload, error) bool) {
			for i := range n {
				text := "good"
				if i < len(names) {
					text = names[i]
				}
				if !yield(Upload{Size: int64(len(text)), Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}, nil) {
					return
				}
			}
		}, opts)
	}
	if res, err := send(7, StoreOptions{BatchCount: 3}); err != nil || res.Stored != 7 || fmt.Sprint(sizes) != "[3 3 1]" {
		t.Errorf("%+v, %v, %v", res, err, sizes)
	}
	if res, err := send(4, StoreOptions{BatchBytes: 9}); err != nil || res.Stored != 4 || fmt.Sprint(sizes) != "[2 2]" {
		t.Errorf("%+v, %v, %v", res, err, sizes)
	}
	if res, err := send(0, StoreOptions{}); err != nil || res != (StoreResult{}) || sizes != nil {
		t.Errorf("nothing: %+v, %v", res, err)
	}
	mode = "bad"
	if res, err := send(8, StoreOptions{}, "good", "good", "bad"); err != nil || res.Stored != 7 || res.Failed != 1 {
		t.Errorf("one bad: %+v, %v", res, err)
	}
	mode = "silent"
	if res, err := send(3, StoreOptions{}); err != nil || res.Stored != 0 || res.Unanswered != 3 {
		t.Errorf("200 with nothing: %+v, %v", res, err)
	}
	mode = "forgets"
	if res, err := send(3, StoreOptions{}); err != nil || res.Stored != 2 || res.Unanswered != 1 {
		t.Errorf("one forgotten: %+v, %v", res, err)
	}
	mode = ""
	shrunk := Upload{Size: 100, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("short")), nil }}
	_, err := c.Store(t.Context(), func(yield func(Upload, error) bool) { yield(shrunk, nil) }, StoreOptions{})
	if fault.CodeOf(err) != fault.Input {
		t.Errorf("a file that became shorter: %v", err)
	}
	gone := Upload{Size: 1, Open: func() (io.ReadCloser, error) { return nil, errors.New("gone") }}
	if _, err := c.Store(t.Context(), func(yield func(Upload, error) bool) { yield(gone, nil) }, StoreOptions{}); fault.CodeOf(err) != fault.Input {
		t.Errorf("a file that is gone: %v", err)
	}
}
