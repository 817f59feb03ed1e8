package reading

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/cineloop/cineloop/annotate/ledger"
	"github.com/cineloop/cineloop/internal/fault"
)

const (
	pageEntries = 100 // of the access log, without being asked for more
	maxEntries  = 500
)

// auditEntry is a line of the access log with its number.
type auditEntry struct {
	Seq int64 `json:"seq"`
	entry
}

// auditPage is a part of the access log, the newest first, and how both logs stand. The chain was followed from the first entry for this very
// page: Broken says where it does not hold.
type auditPage struct {
	Access  chainState     `json:"access"`
	Project chainState     `json:"project"`
	Masked  bool           `json:"masked"` // readers are shown by mask
	Events  map[string]int `json:"events"` // how many of each kind there are
	Matches int            `json:"matches"`
	Entries []auditEntry   `json:"entries"`
	Next    int64          `json:"next,omitempty"` // before=Next gives the entries that are older
}

type chainState struct {
	Entries int64  `json:"entries"`
	Chain   string `json:"chain"`
	Broken  string `json:"broken,omitempty"`
}

// auditFilter is what is asked for.
type auditFilter struct {
	event, who string
	before     int64
	limit      int
}

func filterOf(r *http.Request) (f auditFilter, err error) {
	q := r.URL.Query()
	f = auditFilter{event: q.Get("event"), who: q.Get("who"), limit: pageEntries}
	if t := q.Get("before"); t != "" {
		if f.before, err = strconv.ParseInt(t, 10, 64); err != nil || f.before < 1 {
			return f, fault.New(fault.Usage, "before is the number of an entry")
		}
	}
	if t := q.Get("limit"); t != "" {
		if f.limit, err = strconv.Atoi(t); err != nil || f.limit < 1 || f.limit > maxEntries {
			return f, fault.New(fault.Usage, "limit is 1 to %d", maxEntries)
		}
	}
	return f, nil
}

// getAudit shows the access log to those who watch over the study. The filter is applied to what they see: a reader is found by the mask.
func (s *Server) getAudit(w http.ResponseWriter, r *http.Request, v *visitor) error {
	watch, err := s.project.Watch(v.who)
	if err != nil {
		return err
	}
	f, err := filterOf(r)
	if err != nil {
		return err
	}
	out := auditPage{Masked: watch.Masked, Events: map[string]int{}, Entries: []auditEntry{}}
	shown := func(name string) string {
		if mask, reads := watch.Masks[name]; reads && watch.Masked {
			return mask
		}
		return name
	}
	var last []auditEntry // the newest that match, at most limit and one
	head, err := ledger.Read(filepath.Join(s.project.Dir(), AccessFile), func(seq int64, b []byte) error {
		e := auditEntry{Seq: seq}
		if err := json.Unmarshal(b, &e.entry); err != nil {
			return fault.New(fault.Input, "entry %d can't be read", seq)
		}
		e.Who, e.Object = shown(e.Who), shown(e.Object)
		out.Events[e.Event]++
		if f.event != "" && e.Event != f.event || f.who != "" && e.Who != f.who {
			return nil
		}
		out.Matches++
		if f.before == 0 || seq < f.before {
			if last = append(last, e); len(last) > 4*maxEntries {
				last = slices.Clone(last[len(last)-f.limit-1:])
			}
		}
		return r.Context().Err()
	})
	if err != nil {
		if fault.CodeOf(err) != fault.Input {
			return err
		}
		out.Access.Broken = err.Error()
	}
	out.Access.Entries, out.Access.Chain = head.Seq, head.Chain
	p := s.project.Head()
	out.Project.Entries, out.Project.Chain = p.Seq, p.Chain
	if n := len(last) - f.limit; n > 0 {
		last = last[n:]
		out.Next = last[0].Seq
	}
	slices.Reverse(last)
	out.Entries = append(out.Entries, last...)
	return tell(w, out, nil)
}
