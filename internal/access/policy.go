package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/cineloop/cineloop/internal/fault"
)

// Role is a kind of thing to do.
type Role string

// The roles.
const (
	Read  Role = "read"  // see what is there
	Write Role = "write" // add to it
	Admin Role = "admin" // everything, also what changes or removes
)

// Roles are all of them.
var Roles = []Role{Read, Write, Admin}

// Principal is who asks.
type Principal struct {
	Name  string
	Roles []Role
}

// May reports whether the principal has a role.
func (p Principal) May(r Role) bool {
	return slices.Contains(p.Roles, r) || slices.Contains(p.Roles, Admin)
}

// Errors of Authenticate.
var (
	ErrNobody  = fault.New(fault.Usage, "a token is needed")
	ErrUnknown = fault.New(fault.Usage, "the token is not valid")
	ErrOften   = fault.New(fault.Resource, "too many tokens that are not valid: wait a minute")
)

// Options of a Policy.
type Options struct {
	// File holds the tokens (see Add); "": there are none.
	File string
	// Loopback lets programs on this machine do everything without a token, as long as nobody forwards to them.
	Loopback bool
}

// Policy decides. It may be used from many goroutines. The zero value denies everything.
type Policy struct {
	opts Options
	now  func() time.Time

	mu       sync.Mutex
	tokens   map[[sha256.Size]byte]Token
	seen     fileState
	sessions map[[sha256.Size]byte]session
	failures map[string]*rate.Limiter // by address
}

type fileState struct {
	size    int64
	changed time.Time
	checked time.Time
}

// Open makes a policy.
func Open(opts Options) (*Policy, error) {
	p := &Policy{opts: opts, now: time.Now}
	if opts.File != "" {
		p.mu.Lock()
		defer p.mu.Unlock()
		if err := p.load(); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// load reads the file if it changed. Callers hold mu.
func (p *Policy) load() error {
	st, err := os.Stat(p.opts.File)
	if err != nil {
		return fault.New(fault.NotFound, "the tokens: %w", err).WithHint("cineloop token add makes the file")
	}
	// A change within the clock's tick of the last reading has the same time: what was read that soon is read again.
	settled := p.seen.checked.Sub(p.seen.changed) > 2*time.Second
	if p.tokens != nil && settled && st.Size() == p.seen.size && st.ModTime().Equal(p.seen.changed) {
		return nil
	}
	list, err := ReadTokens(p.opts.File)
	if err != nil {
		return err
	}
	tokens := make(map[[sha256.Size]byte]Token, len(list))
	for _, t := range list {
		tokens[t.digest] = t
	}
	p.tokens, p.seen = tokens, fileState{st.Size(), st.ModTime(), p.now()}
	return nil
}

// lookup finds the token with a digest. A file that can't be read denies everything.
func (p *Policy) lookup(d [sha256.Size]byte) (Token, bool) {
	if p.opts.File == "" || p.load() != nil {
		return Token{}, false
	}
	t, ok := p.tokens[d]
	if !ok || !t.Expires.IsZero() && !p.now().Before(t.Expires) {
		return Token{}, false
	}
	return t, true
}

// Authenticate says who sent r: by bearer token, by session, or, where the policy allows it, by being on this machine.
func (p *Policy) Authenticate(r *http.Request) (Principal, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h := r.Header.Get("Authorization"); h != "" {
		scheme, token, _ := strings.Cut(h, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return Principal{}, ErrUnknown
		}
		return p.check(remote(r), strings.TrimSpace(token))
	}
	if c, err := r.Cookie(cookieName(r)); err == nil {
		if who, ok := p.session(c.Value); ok {
			return who, nil
		}
	}
	if p.opts.Loopback && isLocal(r) {
		return Principal{Name: "local", Roles: []Role{Admin}}, nil
	}
	return Principal{}, ErrNobody
}

// check holds a token against the file. Callers hold mu.
func (p *Policy) check(from, token string) (Principal, error) {
	limit := p.failures[from]
	if limit != nil && limit.TokensAt(p.now()) < 1 {
		return Principal{}, ErrOften
	}
	t, ok := p.lookup(sha256.Sum256([]byte(token)))
	if ok {
		return t.principal(), nil
	}
	if limit == nil {
		if p.failures == nil || len(p.failures) > 10_000 { // forgetting all is better than growing
			p.failures = map[string]*rate.Limiter{}
		}
		limit = rate.NewLimiter(rate.Every(6*time.Second), 10)
		p.failures[from] = limit
	}
	limit.AllowN(p.now(), 1)
	return Principal{}, ErrUnknown
}

func remote(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// isLocal reports whether a request comes from this machine and was made for it: a page of somebody else's that resolves its name to
// this machine (DNS rebinding) shows in the Host, a proxy in its headers.
func isLocal(r *http.Request) bool {
	ip := net.ParseIP(remote(r))
	if ip == nil || !ip.IsLoopback() {
		return false
	}
	for _, h := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(h) != "" {
			return false
		}
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	named := net.ParseIP(host)
	return host == "localhost" || named != nil && named.IsLoopback()
}

// Require lets those through to h who have a role. Others are answered with 401 or 403.
func (p *Policy) Require(role Role, h http.Handler) http.Handler { return p.RequireOr(role, h, Deny) }

// RequireOr is Require with an answer of one's own for those who may not. err is one of this package's, or nil for somebody known who
// lacks the role.
func (p *Policy) RequireOr(role Role, h http.Handler, deny func(w http.ResponseWriter, r *http.Request, err error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := p.Authenticate(r)
		if err == nil {
			note(r.Context(), who.Name)
		}
		if err != nil || !who.May(role) {
			deny(w, r, err)
			return
		}
		h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), principalKey{}, who)))
	})
}

// Deny answers with 401, 403 or 429 (RFC 6750 section 3).
func Deny(w http.ResponseWriter, _ *http.Request, err error) {
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case errors.Is(err, ErrOften):
		w.Header().Set("Retry-After", "60")
		http.Error(w, ErrOften.Error(), http.StatusTooManyRequests)
	case errors.Is(err, ErrUnknown):
		w.Header().Set("WWW-Authenticate", `Bearer realm="cineloop", error="invalid_token"`)
		http.Error(w, ErrUnknown.Error(), http.StatusUnauthorized)
	case err != nil:
		w.Header().Set("WWW-Authenticate", `Bearer realm="cineloop"`)
		http.Error(w, ErrNobody.Error(), http.StatusUnauthorized)
	default:
		w.Header().Set("WWW-Authenticate", `Bearer realm="cineloop", error="insufficient_scope"`)
		http.Error(w, "the token does not allow this", http.StatusForbidden)
	}
}

type principalKey struct{}

// From is who sent the request with this context, as far as Require let it through.
func From(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(Principal)
	return p, ok
}

type noteKey struct{}

// Watch prepares a request so that the returned function says, once it was answered, who sent it: for logs, which stand outside of
// everything that decides.
func Watch(r *http.Request) (*http.Request, func() string) {
	var name string
	return r.WithContext(context.WithValue(r.Context(), noteKey{}, &name)), func() string { return name }
}

func note(ctx context.Context, name string) {
	if p, ok := ctx.Value(noteKey{}).(*string); ok {
		*p = name
	}
}

// Note says who sent the request, to whoever watches, where something else than a Policy found that out.
func Note(ctx context.Context, name string) { note(ctx, name) }
