package reading

import (
	"net"
	"net/http"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/trail"
)

// entry is a line of the access log: see [trail.Entry].
type entry = trail.Entry

// accessLog is the project's, while it is served.
type accessLog struct{ *trail.Log }

func openAccessLog(path string) (*accessLog, error) {
	l, err := trail.Open(path)
	if err != nil {
		return nil, err
	}
	return &accessLog{l}, nil
}

// add writes an entry. After an error nobody is answered any more.
func (a *accessLog) add(e entry) error { return a.Add(e) }

// durable writes an entry and waits until it is on the disk.
func (a *accessLog) durable(e entry) error { return a.Durable(e) }

// remote is the address that a request came from.
func remote(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}

// revealed notes that a reading that was opened shows others' readings beside it.
func (s *Server) revealed(v *visitor, e annotate.Event) error {
	if e.Kind != annotate.ReadingOpened {
		return nil
	}
	if r, err := s.project.Reading(v.who, e.Object); err != nil || len(r.Beside) == 0 {
		return nil
	}
	return s.log.add(entry{Event: trail.Reveal, Who: v.who, Session: v.session.tag, Kind: string(e.Kind), Object: e.Object})
}
