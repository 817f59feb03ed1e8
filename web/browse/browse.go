package browse

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/cineloop/cineloop/dicom/web"
	"github.com/cineloop/cineloop/internal/access"
	"github.com/cineloop/cineloop/internal/fault"
)

//go:embed assets templates
var files embed.FS

// policyHeader is what the page may do.
const policyHeader = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; " +
	"manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Page is the page of one archive.
type Page struct {
	backend  web.Backend
	policy   *access.Policy
	dicomweb string // path of the DICOMweb service
	tmpl     *template.Template
	assets   map[string]asset
}

type asset struct {
	body       []byte
	kind, hash string
}

// New is a page over what a DICOMweb service at a path of the same origin serves.
func New(b web.Backend, policy *access.Policy, dicomweb string) *Page {
	p := &Page{backend: b, policy: policy, dicomweb: dicomweb, assets: map[string]asset{}}
	names, err := fs.Glob(files, "assets/*")
	if err != nil {
		panic(err) // a bad pattern in the line above
	}
	for _, name := range names {
		body, err := files.ReadFile(name)
		if err != nil {
			panic(err) // it was just listed
		}
		sum := sha256.Sum256(body)
		p.assets[path.Base(name)] = asset{body, assetKinds[path.Ext(name)], hex.EncodeToString(sum[:6])}
	}
	p.tmpl = template.Must(template.New("").Funcs(template.FuncMap{
		"asset": func(name string) string { return "/assets/" + name + "?v=" + p.assets[name].hash },
	}).ParseFS(files, "templates/*.html"))
	return p
}

var assetKinds = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

// Register adds the page's resources to a mux. Who may not read is sent to the login.
func (p *Page) Register(mux *http.ServeMux) {
	read := func(pattern string, h func(http.ResponseWriter, *http.Request) error) {
		mux.Handle(pattern, p.policy.RequireOr(access.Read, p.handle(h), p.toLogin))
	}
	read("GET /{$}", p.list)
	read("POST /{$}", p.list)
	read("GET /study/{study}", p.study)
	read("GET /stack/{study}/{series}", p.stackOf)
	read("GET /stack/{study}/{series}/{instance}", p.stackOf)
	mux.Handle("GET /login", p.handle(p.loginForm))
	mux.Handle("POST /login", p.handle(p.login))
	mux.Handle("POST /logout", p.handle(p.logout))
	mux.Handle("GET /assets/{name}", http.HandlerFunc(p.asset))
}

func (p *Page) asset(w http.ResponseWriter, r *http.Request) {
	a, ok := p.assets[r.PathValue("name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("ETag", `"`+a.hash+`"`)
	h.Set("Cache-Control", "public, max-age=31536000, immutable") // the name carries the version
	if r.Header.Get("If-None-Match") == `"`+a.hash+`"` {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(a.body)
}

// handle sets the headers of pages and answers errors with one.
func (p *Page) handle(h func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policyHeader)
		w.Header().Set("Cache-Control", "no-store")
		err := h(w, r)
		if err == nil || r.Context().Err() != nil {
			return
		}
		status, words := fault.HTTPStatus(err), "Something went wrong. The log of the service says where."
		switch fault.CodeOf(err) {
		case fault.NotFound:
			words = "There is no such study here. It may have been retired."
		case fault.Usage:
			words = err.Error()
		}
		if status > 599 || status < 400 {
			status = http.StatusInternalServerError
		}
		w.WriteHeader(status)
		_ = p.render(w, "error.html", map[string]any{"Title": http.StatusText(status), "Words": words})
	})
}

// render writes a template, whole or not at all.
func (p *Page) render(w http.ResponseWriter, name string, data any) error {
	var b bytes.Buffer
	if err := p.tmpl.ExecuteTemplate(&b, name, data); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, err := w.Write(b.Bytes())
	return err
}

// toLogin answers those who may not read.
func (p *Page) toLogin(w http.ResponseWriter, r *http.Request, err error) {
	if r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html") && err != nil {
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	access.Deny(w, r, err)
}

func (p *Page) loginForm(w http.ResponseWriter, r *http.Request) error {
	return p.render(w, "login.html", map[string]any{"Title": "Sign in"})
}

func (p *Page) login(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	who, err := p.policy.Login(w, r, strings.TrimSpace(r.PostFormValue("token")))
	words := ""
	switch {
	case errors.Is(err, access.ErrOften):
		words = "Too many tries. Wait a minute."
		w.WriteHeader(http.StatusTooManyRequests)
	case err != nil:
		words = "This token is not valid."
		w.WriteHeader(http.StatusUnauthorized)
	case !who.May(access.Read):
		p.policy.Logout(w, r)
		words = "This token does not let you see studies."
		w.WriteHeader(http.StatusForbidden)
	default:
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return nil
	}
	return p.render(w, "login.html", map[string]any{"Title": "Sign in", "Words": words})
}

func (p *Page) logout(w http.ResponseWriter, r *http.Request) error {
	p.policy.Logout(w, r)
	http.Redirect(w, r, "/login", http.StatusSeeOther)
	return nil
}
