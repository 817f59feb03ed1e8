package reading

import (
	"embed"
	"html/template"
	"net/http"
)

//go:embed templates
var templates embed.FS

var pages = template.Must(template.ParseFS(templates, "templates/*.html"))

// show writes a page that is made here: those that are needed before there is a session, and without a script.
func show(w http.ResponseWriter, status int, name string, data any) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = pages.ExecuteTemplate(w, name, data) // the browser went away
	return nil
}

func (s *Server) pageLogin(w http.ResponseWriter, r *http.Request, _ *visitor) error {
	if _, ok := s.sessions.find(r, false); ok {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return nil
	}
	if _, had := keyOf(r); had { // a session that is over: its pictures must not stay in a shared browser
		w.Header().Set("Clear-Site-Data", `"cache"`)
	}
	return show(w, http.StatusOK, "login.html", s.loginView(""))
}

func (s *Server) formLogin(w http.ResponseWriter, r *http.Request, _ *visitor) error {
	if err := r.ParseForm(); err != nil {
		return errBody
	}
	if err := s.login(w, r, r.PostForm.Get("name"), r.PostForm.Get("password")); err != nil {
		return s.pageError(w, r, err)
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

func (s *Server) formLogout(w http.ResponseWriter, r *http.Request, v *visitor) error {
	if err := s.logout(w, r, v); err != nil {
		return err
	}
	if s.loggedOutOIDC(w, r, v) {
		return nil
	}
	http.Redirect(w, r, "/login", http.StatusSeeOther)
	return nil
}
