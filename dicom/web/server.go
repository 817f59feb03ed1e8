package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
)

// Options of a Server. The zero value is fit for use.
type Options struct {
	Prefix     string // of all paths; "": /dicom-web
	BaseURL    string // as clients see the service where a proxy is in between, without a slash at the end; "": from each request
	MaxResults int    // records of one answer; 0: 5000
	MaxBody    int64  // bytes of one store request; 0: no limit
	MaxFile    int64  // bytes of one instance; 0: 32 GiB
	TempDir    string // for what doesn't fit into memory while it is converted; "": the system's
	// From names who sent a request, for the provenance of what it stores; nil: the remote address without port.
	From func(*http.Request) string
}

// Server is a DICOMweb service. It asks nobody who they are: see Routes.
type Server struct {
	backend Backend
	opts    Options
	mux     *http.ServeMux
	routes  []Route
	heavy   chan struct{} // decoding and drawing at once
	thumbs  thumbnails
}

// Route is one resource of the service.
type Route struct {
	Pattern string // of http.ServeMux
	Writes  bool   // stores something
	Handler http.Handler
	about   string
}

// NewServer serves b.
func NewServer(b Backend, opts Options) *Server {
	if opts.Prefix == "" {
		opts.Prefix = "/dicom-web"
	}
	opts.Prefix = "/" + strings.Trim(opts.Prefix, "/")
	if opts.Prefix == "/" {
		opts.Prefix = ""
	}
	if opts.MaxResults <= 0 {
		opts.MaxResults = 5000
	}
	if opts.MaxFile <= 0 {
		opts.MaxFile = 32 << 30
	}
	if opts.TempDir == "" {
		opts.TempDir = os.TempDir()
	}
	if opts.From == nil {
		opts.From = func(r *http.Request) string {
			host, _, _ := strings.Cut(r.RemoteAddr, ":")
			return host
		}
	}
	s := &Server{backend: b, opts: opts, mux: http.NewServeMux(), heavy: make(chan struct{}, 2*runtime.GOMAXPROCS(0))}
	s.register()
	return s
}

// Routes are the service's resources, for a mux that lets only those pass who may.
func (s *Server) Routes() []Route { return s.routes }

// ServeHTTP serves everything to everybody.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

const (
	inStudy    = "/studies/{study}"
	inSeries   = inStudy + "/series/{series}"
	inInstance = inSeries + "/instances/{instance}"
)

func (s *Server) register() {
	search := func(l Level) handler {
		return func(w http.ResponseWriter, r *http.Request) error { return s.search(w, r, l) }
	}
	get := func(path, about string, h handler) { s.route("GET", path, about, false, h) }

	get("/studies", "search", search(Studies))
	get("/series", "search", search(Series))
	get("/instances", "search", search(Instances))
	get(inStudy+"/series", "search", search(Series))
	get(inStudy+"/instances", "search", search(Instances))
	get(inSeries+"/instances", "search", search(Instances))

	get(inStudy, "retrieve", s.retrieve)
	get(inSeries, "retrieve", s.retrieve)
	get(inInstance, "retrieve", s.retrieve)
	for _, at := range []string{inStudy, inSeries, inInstance} {
		get(at+"/metadata", "retrieve metadata", s.metadata)
		get(at+"/rendered", "retrieve rendered", s.rendered)
		get(at+"/thumbnail", "retrieve thumbnail", s.thumbnail)
	}
	get(inInstance+"/frames/{frames}", "retrieve frames", s.frames)
	get(inInstance+"/frames/{frames}/rendered", "retrieve rendered frames", s.rendered)
	get(inInstance+"/frames/{frames}/thumbnail", "retrieve thumbnail", s.thumbnail)
	get(inInstance+"/bulkdata/{path...}", "retrieve bulk data", s.bulkdata)
	get("/wado", "WADO-URI", s.wadoURI)

	s.route("POST", "/studies", "store", true, s.store)
	s.route("POST", inStudy, "store", true, s.store)

	get("/{$}", "capabilities", s.capabilities)
	s.route("OPTIONS", "/{$}", "capabilities", false, s.capabilities)
}

// handler is a resource's function; an error that it returns before it wrote anything becomes the answer.
type handler func(http.ResponseWriter, *http.Request) error

func (s *Server) route(method, path, about string, writes bool, h handler) {
	r := Route{Pattern: method + " " + s.opts.Prefix + path, Writes: writes, about: about, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tw := &trackingWriter{ResponseWriter: w}
		err := h(tw, r)
		switch {
		case err == nil:
		case tw.wrote:
			// The client has half an answer: cutting the connection is the only way to say so.
			panic(http.ErrAbortHandler)
		default:
			problem(w, err)
		}
	})}
	s.routes = append(s.routes, r)
	s.mux.Handle(r.Pattern, r.Handler)
}

// trackingWriter knows whether anything of the answer is on its way.
type trackingWriter struct {
	http.ResponseWriter
	wrote bool
}

func (t *trackingWriter) WriteHeader(status int) {
	t.wrote = true
	t.ResponseWriter.WriteHeader(status)
}

func (t *trackingWriter) Write(b []byte) (int, error) {
	t.wrote = true
	return t.ResponseWriter.Write(b)
}

func (t *trackingWriter) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// problem answers with an error (RFC 9457). Its text holds no patient data; the text of a defect stays here.
func problem(w http.ResponseWriter, err error) {
	status := statusOf(err)
	detail := err.Error()
	if fault.CodeOf(err) == fault.Internal {
		detail = "a defect of the server"
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "30")
	}
	h := w.Header()
	for _, k := range []string{"ETag", "Content-Length", "Cache-Control", "Content-Location"} {
		h.Del(k)
	}
	h.Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	title := http.StatusText(status)
	if title == "" {
		title = "Cancelled"
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"title": title, "status": status, "detail": detail})
}

// resourceOf is what the path names.
func resourceOf(r *http.Request) (Resource, error) {
	at := Resource{r.PathValue("study"), r.PathValue("series"), r.PathValue("instance")}
	return at, at.Check()
}

// base is the service's URL as the client knows it.
func (s *Server) base(r *http.Request) string {
	if s.opts.BaseURL != "" {
		return s.opts.BaseURL
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + s.opts.Prefix
}

func (s *Server) url(r *http.Request, at Resource) string { return s.base(r) + "/" + at.Path() }

// acceptsOf are the media types that a request accepts: the accept parameter of the query comes before the header (PS3.18 8.3.3.1).
func acceptsOf(r *http.Request) []mediaType {
	if v := r.URL.Query().Get("accept"); v != "" {
		return parseAccept(v)
	}
	return parseAccept(strings.Join(r.Header.Values("Accept"), ","))
}

// slot waits until the processors have room for more decoding; the returned function gives the place back.
func (s *Server) slot(ctx context.Context) (func(), error) {
	select {
	case s.heavy <- struct{}{}:
		return func() { <-s.heavy }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// first is the instance that r names, or the first of many.
func (s *Server) first(ctx context.Context, at Resource) (Instance, error) {
	for in, err := range s.backend.List(ctx, at) {
		return in, err
	}
	return Instance{}, errNothing
}

var errNothing = fault.New(fault.NotFound, "there is no such study, series or instance")

// notModified answers a conditional request (RFC 9110 section 13) and reports whether it did. etag comes without quotes.
func notModified(w http.ResponseWriter, r *http.Request, etag string) bool {
	etag = `"` + etag + `"`
	w.Header().Set("ETag", etag)
	w.Header().Set("Cache-Control", "private, no-cache") // kept by the client alone, and asked for again each time
	w.Header().Set("Vary", "Accept, Authorization, Cookie")
	for c := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
		if c = strings.TrimPrefix(strings.TrimSpace(c), "W/"); c == etag || c == "*" {
			w.WriteHeader(http.StatusNotModified)
			return true
		}
	}
	return false
}

// warning is a Warning header (PS3.18 section 8.3.4.4.2).
func warning(w http.ResponseWriter, r *http.Request, format string, args ...any) {
	w.Header().Add("Warning", fmt.Sprintf(`299 %s "%s"`, r.Host, fmt.Sprintf(format, args...)))
}
