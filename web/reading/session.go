package reading

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// CookieName has the prefix by which a browser takes the cookie over TLS (or from this machine) only, for this host and all of its paths.
const CookieName = "__Host-cineloop-reading"

const (
	maxSessions = 10_000
	maxOfOne    = 16 // sessions of one member; the oldest goes
	maxStreams  = 8  // of one session
	maxOfAll    = 32 // streams of one member
	recheck     = time.Second
)

// session is a browser that somebody has logged in with.
type session struct {
	who     string
	key     [sha256.Size]byte // of the cookie
	tag     string            // names it in the access log; tells nothing of the cookie
	created time.Time
	by      string      // how they logged in: password, oidc
	still   func() bool // says whether what it was begun with still holds: the password, or the identity provider's member
	ops     *rate.Limiter
	live    *rate.Limiter   // of what is being drawn
	ctx     context.Context // ends with it
	end     context.CancelFunc

	// Under the lock of sessions.
	seen    time.Time
	checked time.Time
	proved  time.Time // when who it is was last proved anew; zero: never
	viewed  map[view]bool
	streams int
}

// view is a picture that was looked at.
type view struct {
	assignment string
	image      int
}

type sessions struct {
	opts Options
	now  func() time.Time

	mu sync.Mutex
	of map[[sha256.Size]byte]*session
}

// begin makes a session, which holds as long as still does, and gives it to the browser.
func (s *sessions) begin(w http.ResponseWriter, who, by string, still func() bool) *session {
	secret := rand.Text() + rand.Text() // 260 bits
	key := sha256.Sum256([]byte(secret))
	tag := sha256.Sum256(key[:])
	now := s.now()
	v := &session{who: who, key: key, tag: hex.EncodeToString(tag[:8]), created: now, seen: now, checked: now, by: by, still: still, viewed: map[view]bool{},
		ops: rate.NewLimiter(rate.Limit(s.opts.OpRate), int(s.opts.OpRate)+1), live: rate.NewLimiter(liveRate, liveBurst)}
	v.ctx, v.end = context.WithCancel(context.Background())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = map[[sha256.Size]byte]*session{}
	}
	var own int
	var oldest [sha256.Size]byte
	for k, o := range s.of {
		switch {
		case s.over(o, now):
			s.drop(k)
		case o.who == who:
			if own++; own == 1 || o.created.Before(s.of[oldest].created) {
				oldest = k
			}
		}
	}
	if own >= maxOfOne {
		s.drop(oldest)
	}
	for k := range s.of {
		if len(s.of) < maxSessions {
			break
		}
		s.drop(k)
	}
	s.of[key] = v
	http.SetCookie(w, &http.Cookie{Name: CookieName, Value: secret, Path: "/", HttpOnly: true, Secure: true, SameSite: http.SameSiteStrictMode, MaxAge: int(s.opts.Absolute / time.Second)})
	return v
}

func (s *sessions) over(v *session, now time.Time) bool {
	return now.Sub(v.seen) >= s.opts.Idle || now.Sub(v.created) >= s.opts.Absolute
}

// drop ends a session. Callers hold mu.
func (s *sessions) drop(k [sha256.Size]byte) {
	if v := s.of[k]; v != nil {
		v.end()
		delete(s.of, k)
	}
}

func keyOf(r *http.Request) ([sha256.Size]byte, bool) {
	c, err := r.Cookie(CookieName)
	if err != nil {
		return [sha256.Size]byte{}, false
	}
	return sha256.Sum256([]byte(c.Value)), true
}

// find is the session of a request, which counts as its use unless it is passive.
func (s *sessions) find(r *http.Request, passive bool) (*session, bool) {
	key, ok := keyOf(r)
	if !ok {
		return nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.of[key]
	if v == nil || !s.holds(key, v) {
		return nil, false
	}
	if !passive {
		v.seen = s.now()
	}
	return v, true
}

// holds says whether a session still does, and ends it if not: by time, or because what it was begun with is no more. Callers hold mu.
func (s *sessions) holds(key [sha256.Size]byte, v *session) bool {
	now := s.now()
	if s.over(v, now) {
		s.drop(key)
		return false
	}
	if now.Sub(v.checked) >= recheck {
		if !v.still() {
			s.drop(key)
			return false
		}
		v.checked = now
	}
	return true
}

// alive says whether a session still holds, without using it: a stream that only listens does not keep it.
func (s *sessions) alive(v *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.of[v.key] == v && s.holds(v.key, v)
}

// use is alive that counts as use.
func (s *sessions) use(v *session) bool {
	if v.ctx.Err() != nil || !s.alive(v) {
		return false
	}
	s.mu.Lock()
	v.seen = s.now()
	s.mu.Unlock()
	return true
}

// first says whether the session had not seen the picture before.
func (s *sessions) first(v *session, at view) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !v.viewed[at]
}

func (s *sessions) noted(v *session, at view) {
	s.mu.Lock()
	v.viewed[at] = true
	s.mu.Unlock()
}

// stream counts the streams of a session and its member; ok is false where there are too many: a member's browsers must not take all there are.
func (s *sessions) stream(v *session) (leave func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := 0
	for _, o := range s.of {
		if o.who == v.who {
			all += o.streams
		}
	}
	if v.streams >= maxStreams || all >= maxOfAll {
		return nil, false
	}
	v.streams++
	return func() {
		s.mu.Lock()
		v.streams--
		s.mu.Unlock()
	}, true
}

// close ends a session.
func (s *sessions) close(v *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(v.key)
}

// leave ends the session of r.
func (s *sessions) leave(w http.ResponseWriter, r *http.Request) {
	if key, ok := keyOf(r); ok {
		s.mu.Lock()
		s.drop(key)
		s.mu.Unlock()
	}
	http.SetCookie(w, &http.Cookie{Name: CookieName, Path: "/", HttpOnly: true, Secure: true, SameSite: http.SameSiteStrictMode, MaxAge: -1})
}

func (s *sessions) endAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.of {
		s.drop(k)
	}
}
