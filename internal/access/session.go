package access

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"time"
)

// sessionTime is how long a browser stays known.
const sessionTime = 12 * time.Hour

// maxSessions bounds what is remembered.
const maxSessions = 10_000

type session struct {
	token   [sha256.Size]byte
	expires time.Time
}

// cookieName carries the prefix that makes browsers insist on TLS where there is TLS.
func cookieName(r *http.Request) string {
	if r.TLS != nil {
		return "__Host-cineloop"
	}
	return "cineloop"
}

// Login gives the browser that sent r a session, if the token is valid.
func (p *Policy) Login(w http.ResponseWriter, r *http.Request, token string) (Principal, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	who, err := p.check(remote(r), token)
	if err != nil {
		return who, err
	}
	now := p.now()
	if p.sessions == nil {
		p.sessions = map[[sha256.Size]byte]session{}
	}
	for k, s := range p.sessions {
		if !now.Before(s.expires) || len(p.sessions) >= maxSessions {
			delete(p.sessions, k)
		}
	}
	secret := rand.Text() + rand.Text()
	p.sessions[sha256.Sum256([]byte(secret))] = session{sha256.Sum256([]byte(token)), now.Add(sessionTime)}
	http.SetCookie(w, &http.Cookie{Name: cookieName(r), Value: secret, Path: "/", HttpOnly: true, Secure: r.TLS != nil,
		SameSite: http.SameSiteStrictMode, MaxAge: int(sessionTime / time.Second)})
	return who, nil
}

// Logout ends the session of r.
func (p *Policy) Logout(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(cookieName(r)); err == nil {
		p.mu.Lock()
		delete(p.sessions, sha256.Sum256([]byte(c.Value)))
		p.mu.Unlock()
	}
	http.SetCookie(w, &http.Cookie{Name: cookieName(r), Path: "/", HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode, MaxAge: -1})
}

// session is whose session it is, as long as the token is valid that it was opened with. Callers hold mu.
func (p *Policy) session(secret string) (Principal, bool) {
	s, ok := p.sessions[sha256.Sum256([]byte(secret))]
	if !ok || !p.now().Before(s.expires) {
		return Principal{}, false
	}
	t, ok := p.lookup(s.token)
	return t.principal(), ok
}
