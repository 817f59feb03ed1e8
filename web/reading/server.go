package reading

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/trail"
	"github.com/cineloop/cineloop/internal/access"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/serve"
	"github.com/cineloop/cineloop/web/reading/oidc"
)

// Files in a project's folder.
const (
	UsersFile  = "users.yaml"
	AccessFile = trail.AccessFile
)

// Options of New. The zero value is fit for use.
type Options struct {
	Idle     time.Duration    // without use after which a session ends; 0: 30 min
	Absolute time.Duration    // after which it ends in any case; 0: 12 h
	Fresh    time.Duration    // for which a proof of who asks counts as fresh; 0: 5 min
	OpRate   float64          // ops a second of one session, more have to wait; 0: 200
	now      func() time.Time // of tests; nil: time.Now
	Log      *slog.Logger     // why logins with the issuer come to nothing; nil: nothing is logged
	Sources  []Source         // of cases that coordinators may add
}

// Server serves one project. Its methods may be called from many goroutines.
type Server struct {
	project  *annotate.Project
	opts     Options
	users    *access.Passwords
	sessions *sessions
	log      *accessLog
	pictures *pictures
	together *together
	attempts attempts
	issuer   *oidc.Client // nil: there is none
	pending  pendings
	etags    [32]byte // key

	coordinate coordination
	done       chan struct{}
	close      sync.Once
	now        func() time.Time
}

// New prepares to serve p, which stays the caller's to close after the server. Members log in with the passwords of UsersFile in the project's
// folder, and with the issuer of oidc.File where there is one. Codes: conflict where another server has the project, usage, input and notfound of
// the issuer's file.
func New(p *annotate.Project, opts Options) (*Server, error) {
	issuer, err := oidc.Open(p.Dir())
	if err != nil && !noFile(p.Dir()) {
		return nil, err
	}
	if opts.Idle <= 0 {
		opts.Idle = 30 * time.Minute
	}
	if opts.Absolute <= 0 {
		opts.Absolute = 12 * time.Hour
	}
	if opts.Fresh <= 0 {
		opts.Fresh = 5 * time.Minute
	}
	if opts.OpRate <= 0 {
		opts.OpRate = 200
	}
	if err := sweepExports(p.Dir()); err != nil {
		return nil, err
	}
	if opts.now == nil {
		opts.now = time.Now
	}
	log, err := openAccessLog(filepath.Join(p.Dir(), AccessFile))
	if err != nil {
		return nil, err
	}
	s := &Server{project: p, opts: opts, users: access.OpenPasswords(filepath.Join(p.Dir(), UsersFile)), log: log,
		pictures: &pictures{root: p.Dir()}, issuer: issuer, done: make(chan struct{}), now: opts.now}
	s.sessions = &sessions{opts: opts, now: func() time.Time { return s.now() }}
	s.together = newTogether(p, func() time.Time { return s.now() })
	go s.together.run(s.done)
	rand.Read(s.etags[:])
	if err := log.durable(entry{Event: trail.Start, Account: trail.Account()}); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return s, nil
}

// noFile says that the project has no issuer.
func noFile(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, oidc.File))
	return errors.Is(err, fs.ErrNotExist)
}

// Close ends all streams and the access log.
func (s *Server) Close() error {
	var err error
	s.close.Do(func() {
		close(s.done)
		s.closeExports()
		err = errors.Join(s.pictures.closeAll(), s.log.add(entry{Event: trail.Stop, Account: trail.Account()}), s.log.Close())
	})
	return err
}

// Serve answers on ln until ctx ends; then streams end, and what is under way has time to finish. It closes the server.
func (s *Server) Serve(ctx context.Context, ln net.Listener, opts serve.Options) error {
	if opts.Requests == 0 {
		opts.Requests = 2048 // streams stay: each page that is open is one
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		<-ctx.Done()
		ended <- s.endStreams()
	}()
	err := serve.Run(ctx, ln, s.Handler(), opts)
	cancel()
	<-ended
	return errors.Join(err, s.Close())
}

// endStreams lets go of every browser that waits for events, so that a graceful end does not wait for them.
func (s *Server) endStreams() error {
	s.sessions.endAll()
	return nil
}

// Handler is all routes behind their sessions. A page of another site can change nothing, whatever it sends.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range s.routes() {
		mux.Handle(r.Method+" "+r.Path, s.guard(r))
	}
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fail(w, annotate.ErrDenied)
	}))
	return guard.Handler(mux)
}

// visitor is a member in a session.
type visitor struct {
	who     string
	session *session
}

// guard finds the session, notes what is asked in the access log, and turns errors into answers.
func (s *Server) guard(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), usb=(), serial=(), payment=()")
		r.Body = http.MaxBytesReader(w, r.Body, cmp.Or(rt.MaxBody, maxLogin)) // where none is asked for, none has to be taken
		v := &visitor{}
		if !rt.Open {
			sess, ok := s.sessions.find(r, rt.Passive)
			if !ok {
				if rt.Page {
					http.Redirect(w, r, "/login", http.StatusSeeOther)
					return
				}
				fail(w, errNobody)
				return
			}
			v = &visitor{sess.who, sess}
			access.Note(r.Context(), sess.who)
			if event := rt.event(); event != "" {
				if err := s.log.add(entry{Event: event, Who: v.who, Session: sess.tag, Route: rt.Method + " " + rt.Path, Object: r.PathValue("id")}); err != nil {
					fail(w, err)
					return
				}
			}
		}
		var err error
		if rt.needsProof() {
			err = s.needProof(v)
		}
		if err == nil {
			err = rt.handle(w, r, v)
		}
		if err == nil {
			return
		}
		if v.session != nil {
			// A refusal that can't be noted is a refusal all the same.
			_ = s.log.add(entry{Event: trail.Refused, Who: v.who, Session: v.session.tag, Route: rt.Method + " " + rt.Path, Object: r.PathValue("id"), Code: string(fault.CodeOf(err))})
		}
		fail(w, err)
	})
}
