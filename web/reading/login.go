package reading

import (
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// attempts slow guessing down, by address and by name. A success costs nothing.
type attempts struct {
	mu sync.Mutex
	of map[string]*rate.Limiter
}

// take is one attempt; back gives it back. ok is false where there were too many.
func (a *attempts) take(key string, every time.Duration, burst int, now time.Time) (back func(), ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.of[key]
	if l == nil {
		if a.of == nil || len(a.of) > 10_000 { // forgetting all is better than growing
			a.of = map[string]*rate.Limiter{}
		}
		l = rate.NewLimiter(rate.Every(every), burst)
		a.of[key] = l
	}
	r := l.ReserveN(now, 1)
	if r.DelayFrom(now) > 0 {
		r.CancelAt(now)
		return nil, false
	}
	return func() { r.CancelAt(now) }, true
}

// login checks a password and begins a session. Whoever is no member, has no password, or a wrong one, is told the same.
func (s *Server) login(w http.ResponseWriter, r *http.Request, name, password string) error {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	now := s.now()
	back, ok := s.attempts.take("from "+host, 6*time.Second, 10, now)
	if !ok {
		return errOften
	}
	backName, ok := s.attempts.take("as "+name, 15*time.Second, 20, now)
	if !ok {
		return errOften
	}
	good := s.users.Check(name, password)
	if _, err := s.project.Me(name); err != nil || !good {
		known := ""
		if _, is := s.users.Stamp(name); is { // what else was typed could be a password
			known = name
		}
		_ = s.log.add(entry{Event: "login refused", Who: known})
		return errLogin
	}
	back()
	backName()
	if key, ok := keyOf(r); ok { // the browser's older session ends
		s.sessions.mu.Lock()
		s.sessions.drop(key)
		s.sessions.mu.Unlock()
	}
	v := s.sessions.begin(w, name)
	if err := s.log.durable(entry{Event: "login", Who: name, Session: v.tag}); err != nil {
		v.end()
		return err
	}
	return nil
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request, v *visitor) error {
	s.sessions.leave(w, r)
	w.Header().Set("Clear-Site-Data", `"cache", "storage"`) // pictures must not stay in a shared browser
	return s.log.durable(entry{Event: "logout", Who: v.who, Session: v.session.tag})
}
