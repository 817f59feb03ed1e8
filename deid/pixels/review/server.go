package review

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"image"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/internal/fault"
)

//go:embed assets
var assets embed.FS

var page = template.Must(template.New("page.gohtml").Funcs(template.FuncMap{"path": path}).ParseFS(assets, "assets/page.gohtml"))

// path is rectangles as one SVG path: thousands of rows outside of a fan are one element.
func path(rects []image.Rectangle) string {
	var b strings.Builder
	for _, r := range rects {
		fmt.Fprintf(&b, "M%d %dH%dV%dH%dZ", r.Min.X, r.Min.Y, r.Max.X, r.Max.Y, r.Min.X)
	}
	return b.String()
}

// Decision is what a person said about a group.
type Decision struct {
	Action     string  `json:"action"` // accept, fix, pass, quarantine; "" takes the decision back
	Rectangles [][]int `json:"rectangles,omitempty"`
	Only       bool    `json:"only,omitempty"` // with fix: nothing but the rectangles, no detector
}

// Server is the page. It is an http.Handler for one address of the loopback interface.
type Server struct {
	groups []*Group
	byID   map[string]*Group
	host   string // host:port that requests must name
	token  string
	save   func([]deid.DeviceRule) error

	mu        sync.Mutex
	decisions map[string]Decision
}

const cookie = "cineloop_review"

// NewServer shows groups at host (127.0.0.1:PORT or [::1]:PORT). save is called with all rules after each decision. Errors: usage for an
// address that other machines reach.
func NewServer(groups []*Group, host string, save func([]deid.DeviceRule) error) (*Server, error) {
	name, _, err := net.SplitHostPort(host)
	if ip := net.ParseIP(name); err != nil || ip == nil || !ip.IsLoopback() {
		return nil, fault.New(fault.Usage, "the review shows patients' images: it is served on a loopback address only").WithHint("use 127.0.0.1:0")
	}
	var secret [24]byte
	if _, err := rand.Read(secret[:]); err != nil {
		return nil, err
	}
	s := &Server{groups: groups, byID: map[string]*Group{}, host: host, token: base64.RawURLEncoding.EncodeToString(secret[:]), save: save, decisions: map[string]Decision{}}
	for _, g := range groups {
		s.byID[g.ID] = g
	}
	return s, nil
}

// URL is where the page is opened the first time.
func (s *Server) URL() string { return "http://" + s.host + "/?token=" + s.token }

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	if r.Host != s.host { // a name that someone made point here
		http.Error(w, "wrong host", http.StatusMisdirectedRequest)
		return
	}
	if t := r.URL.Query().Get("token"); r.Method == http.MethodGet && r.URL.Path == "/" && t != "" {
		if !s.is(t) {
			http.Error(w, "wrong token", http.StatusForbidden)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: cookie, Value: s.token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	if c, err := r.Cookie(cookie); err != nil || !s.is(c.Value) {
		http.Error(w, "open the address that the command printed", http.StatusForbidden)
		return
	}
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/decide":
		s.decide(w, r)
	case r.Method != http.MethodGet:
		http.Error(w, "not allowed", http.StatusMethodNotAllowed)
	case r.URL.Path == "/":
		s.index(w)
	case r.URL.Path == "/style.css", r.URL.Path == "/script.js":
		http.ServeFileFS(w, r, assets, "assets"+r.URL.Path)
	case strings.HasPrefix(r.URL.Path, "/picture/"):
		s.picture(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (s *Server) is(token string) bool {
	return subtle.ConstantTimeCompare([]byte(token), []byte(s.token)) == 1
}

// shown is a group with its decision, for the template.
type shown struct {
	*Group
	Decision Decision
	N        int
}

func (s *Server) index(w http.ResponseWriter) {
	s.mu.Lock()
	var data struct {
		Groups                 []shown
		Files, Doubtful, Ready int
	}
	for i, g := range s.groups {
		data.Groups = append(data.Groups, shown{g, s.decisions[g.ID], i + 1})
		data.Files += g.Files
		if g.Doubtful() > 0 {
			data.Doubtful++
		}
	}
	data.Ready = len(s.decisions)
	s.mu.Unlock()
	var b bytes.Buffer
	if err := page.Execute(&b, data); err != nil {
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = b.WriteTo(w) // the browser is gone: nothing to do
}

func (s *Server) picture(w http.ResponseWriter, r *http.Request) {
	id, n, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/picture/"), "/")
	i, err := strconv.Atoi(n)
	g := s.byID[id]
	if g == nil || err != nil || i < 0 || i >= len(g.Samples) || g.Samples[i].JPEG == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "image/jpeg")
	_, _ = w.Write(g.Samples[i].JPEG) // the browser is gone: nothing to do
}

// decide takes {id, action, rectangles, only}.
func (s *Server) decide(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Origin") != "http://"+s.host || r.Header.Get("Content-Type") != "application/json" {
		http.Error(w, "wrong origin", http.StatusForbidden)
		return
	}
	var in struct {
		ID string `json:"id"`
		Decision
	}
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<18))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		http.Error(w, "not a decision", http.StatusBadRequest)
		return
	}
	g := s.byID[in.ID]
	if g == nil || !in.valid(g) {
		http.Error(w, "not a decision on a group of this page", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before, had := s.decisions[in.ID]
	if in.Action == "" {
		delete(s.decisions, in.ID)
	} else {
		s.decisions[in.ID] = in.Decision
	}
	if err := s.save(s.rules()); err != nil {
		if delete(s.decisions, in.ID); had {
			s.decisions[in.ID] = before
		}
		http.Error(w, "the rules could not be written: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]int{"decided": len(s.decisions), "groups": len(s.groups)}) // the browser is gone: nothing to do
}

// valid holds a decision against the group's size.
func (d *Decision) valid(g *Group) bool {
	switch d.Action {
	case "", "accept", "pass", "quarantine":
		return len(d.Rectangles) == 0 && !d.Only
	case "fix":
	default:
		return false
	}
	if len(d.Rectangles) > 500 {
		return false
	}
	for _, r := range d.Rectangles {
		if len(r) != 4 || r[0] < 0 || r[1] < 0 || r[2] > g.Columns || r[3] > g.Rows || r[0] >= r[2] || r[1] >= r[3] {
			return false
		}
	}
	return true
}

// Rules are the decisions so far as device rules, in the page's order.
func (s *Server) Rules() []deid.DeviceRule {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rules()
}

func (s *Server) rules() []deid.DeviceRule {
	var out []deid.DeviceRule
	for _, g := range s.groups {
		d, ok := s.decisions[g.ID]
		if !ok {
			continue
		}
		r := g.Rule()
		switch d.Action {
		case "accept":
			r.Action = "mask" // the detectors as they are; a person has seen what they do on this kind
		case "fix":
			r.Action, r.Rectangles, r.Only = "mask", d.Rectangles, d.Only
		default:
			r.Action = d.Action
		}
		out = append(out, r)
	}
	return out
}
