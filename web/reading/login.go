package reading

import (
	"net/http"

	"github.com/cineloop/cineloop/annotate/trail"
)

// login checks a password and begins a session. Whoever is no member, has no password, or a wrong one, is told the same.
func (s *Server) login(w http.ResponseWriter, r *http.Request, name, password string) error {
	back, err := s.attempt(r, name)
	if err != nil {
		return err
	}
	stamp, _ := s.users.Stamp(name) // before the check: a password that changes meanwhile ends the session
	good := s.users.Check(name, password)
	if _, err := s.project.Me(name); err != nil || !good {
		known := ""
		if _, is := s.users.Stamp(name); is { // what else was typed could be a password
			known = name
		}
		_ = s.log.add(entry{Event: trail.LoginRefused, Who: known, By: "password", From: remote(r)})
		return errLogin
	}
	back()
	return s.enter(w, r, name, "password", func() bool {
		now, ok := s.users.Stamp(name)
		return ok && now == stamp && s.isMember(name)
	})
}

// isMember says whether the project has a member of that name.
func (s *Server) isMember(name string) bool {
	_, err := s.project.Me(name)
	return err == nil
}

// enter begins a session for a member who has proved who they are; it holds as long as still does.
func (s *Server) enter(w http.ResponseWriter, r *http.Request, name, by string, still func() bool) error {
	if key, ok := keyOf(r); ok { // the browser's older session ends
		s.sessions.mu.Lock()
		s.sessions.drop(key)
		s.sessions.mu.Unlock()
	}
	v := s.sessions.begin(w, name, by, still)
	if err := s.log.durable(entry{Event: trail.Login, Who: name, Session: v.tag, By: by, From: remote(r)}); err != nil {
		s.sessions.close(v)
		return err
	}
	return nil
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request, v *visitor) error {
	s.sessions.leave(w, r)
	w.Header().Set("Clear-Site-Data", `"cache", "storage"`) // pictures must not stay in a shared browser
	return s.log.durable(entry{Event: trail.Logout, Who: v.who, Session: v.session.tag})
}
