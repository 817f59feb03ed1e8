package reading

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	"github.com/cineloop/cineloop/web/reading/oidc"
)

// loginCookie binds an attempt to the browser that began it. Lax, because the browser comes back from another site.
const loginCookie = "__Host-cineloop-login"

const maxPending = 10_000

// pending is a browser that is at the issuer.
type pending struct {
	attempt *oidc.Attempt
	session *session // that proves anew who it is; nil: a login
	next    string   // path to go on to
	until   time.Time
}

// pendings are those under way, by the digest of their cookie. Each is given out once.
type pendings struct {
	mu sync.Mutex
	of map[[sha256.Size]byte]*pending
}

func (s *pendings) put(w http.ResponseWriter, p *pending, now time.Time) {
	secret := rand.Text()
	p.until = now.Add(pendingFor)
	s.mu.Lock()
	if s.of == nil {
		s.of = map[[sha256.Size]byte]*pending{}
	}
	if len(s.of) >= maxPending {
		for k, o := range s.of {
			if !now.Before(o.until) {
				delete(s.of, k)
			}
		}
	}
	for k := range s.of { // whoever it is begins again
		if len(s.of) < maxPending {
			break
		}
		delete(s.of, k)
	}
	s.of[sha256.Sum256([]byte(secret))] = p
	s.mu.Unlock()
	http.SetCookie(w, &http.Cookie{Name: loginCookie, Value: secret, Path: "/", HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode, MaxAge: int(pendingFor / time.Second)})
}

// take is the attempt of the browser, once; nil where there is none, or no more.
func (s *pendings) take(w http.ResponseWriter, r *http.Request, now time.Time) *pending {
	c, err := r.Cookie(loginCookie)
	if err != nil {
		return nil
	}
	http.SetCookie(w, &http.Cookie{Name: loginCookie, Path: "/", HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode, MaxAge: -1})
	key := sha256.Sum256([]byte(c.Value))
	s.mu.Lock()
	p := s.of[key]
	delete(s.of, key)
	s.mu.Unlock()
	if p == nil || !now.Before(p.until) {
		return nil
	}
	return p
}
