package reading

import (
	"embed"
	"html/template"
	"mime"
	"net/http"
	"path"

	"github.com/cineloop/cineloop/annotate"
)

//go:embed assets templates
var files embed.FS

var pages = template.Must(template.ParseFS(files, "templates/*.html"))

// show writes a page.
func show(w http.ResponseWriter, status int, name string, data any) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = pages.ExecuteTemplate(w, name, data) // the browser went away
	return nil
}

func asset(w http.ResponseWriter, r *http.Request, _ *visitor) error {
	name := r.PathValue("file")
	b, err := files.ReadFile(path.Join("assets", path.Base(name)))
	if err != nil {
		return annotate.ErrUnknown
	}
	w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	_, _ = w.Write(b)
	return nil
}

func (s *Server) pageLogin(w http.ResponseWriter, r *http.Request, _ *visitor) error {
	if _, ok := s.sessions.find(r); ok {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return nil
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

func (s *Server) pageWorklist(w http.ResponseWriter, _ *http.Request, v *visitor) error {
	list, err := s.project.Worklist(v.who)
	if err != nil {
		return err
	}
	title := ""
	if p, err := s.project.Protocol(v.who); err == nil {
		title = p.Title
	}
	done := 0
	for _, t := range list {
		if t.State == "locked" {
			done++
		}
	}
	return show(w, http.StatusOK, "worklist.html", map[string]any{"Who": v.who, "Title": title, "Tasks": list, "Done": done})
}

func (s *Server) pageCase(w http.ResponseWriter, r *http.Request, v *visitor) error {
	c, err := s.caseOf(v.who, r.PathValue("id"))
	if err != nil {
		return err
	}
	return show(w, http.StatusOK, "case.html", map[string]any{"Who": v.who, "Case": c})
}
