package reading

import (
	"net/http"
	"slices"
	"sync"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/agree"
	"github.com/cineloop/cineloop/report"
)

// analysis keeps the last report on agreement for as long as the project's log stands where it stood: a page asks for the report, and then
// for a dozen charts of it.
type analysis struct {
	mu     sync.Mutex
	chain  string
	report *agree.Report
}

// agreement is the report that cineloop agreement --json prints, for those who may know it.
func (s *Server) agreement(r *http.Request, who string) (*agree.Report, error) {
	records, err := s.project.RecordsFor(who)
	if err != nil {
		return nil, err
	}
	s.coordinate.analysis.mu.Lock() // one at a time: resampling takes a while
	defer s.coordinate.analysis.mu.Unlock()
	a := &s.coordinate.analysis
	chain := s.project.Head().Chain
	if a.report != nil && a.chain == chain {
		return a.report, nil
	}
	out, err := agree.Analyse(r.Context(), records, agree.Options{Seed: 1})
	if err != nil {
		return nil, err
	}
	a.chain, a.report = chain, out
	return out, nil
}

func (s *Server) getAgreement(w http.ResponseWriter, r *http.Request, v *visitor) error {
	out, err := s.agreement(r, v.who)
	return tell(w, out, err)
}

// queued is a disagreement, and whether somebody has been asked to decide it.
type queued struct {
	agree.Disagreement
	Number int  `json:"number"`           // of the case
	With   bool `json:"with_adjudicator"` // the case is with one
}

func (s *Server) postQueue(w http.ResponseWriter, r *http.Request, v *visitor) error {
	var in struct {
		Limits []limit `json:"limits"`
	}
	if err := read(r, &in); err != nil {
		return err
	}
	records, err := s.project.RecordsFor(v.who)
	if err != nil {
		return err
	}
	if records.Protocol == nil {
		return tell(w, map[string]any{"queue": []queued{}}, nil)
	}
	list, err := agree.QueueAt(records, limitsOf(in.Limits))
	if err != nil {
		return err
	}
	o, err := s.project.Overview(v.who)
	if err != nil {
		return err
	}
	number, with := map[string]int{}, map[string]bool{}
	for _, c := range o.Cases {
		number[c.ID] = c.Number
	}
	for _, c := range o.Cells {
		if c.Arm == "adjudication" && c.State != "locked" {
			with[o.Cases[c.Case].ID] = true
		}
	}
	out := make([]queued, len(list))
	for i, d := range list {
		out[i] = queued{d, number[d.Case], with[d.Case]}
	}
	return tell(w, map[string]any{"queue": out}, nil)
}

// getChart draws two readers' differences, or the curves against the truth. Which one is named by the item, the arm and the masks that the
// report has.
func (s *Server) getChart(w http.ResponseWriter, r *http.Request, v *visitor) error {
	rep, err := s.agreement(r, v.who)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	night := q.Get("theme") == "dark"
	var b []byte
	switch q.Get("kind") {
	case "pair":
		for _, it := range rep.Items {
			if it.Name != q.Get("item") || it.Arm != q.Get("arm") {
				continue
			}
			for _, p := range slices.Concat(it.Pairs, it.Repeats) {
				if p.A == q.Get("a") && p.B == q.Get("b") {
					b = report.PairPicture(it.Unit, p, night)
				}
			}
		}
	case "roc":
		for _, h := range rep.HeadToHead {
			if h.Item == q.Get("item") {
				b = report.ROCPicture(h, night)
			}
		}
	}
	if b == nil {
		return annotate.ErrUnknown
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	_, _ = w.Write(b) // the browser went away
	return nil
}

// agreementCharts says which pairs have a chart, beside the report: points are not in its JSON.
func (s *Server) getCharts(w http.ResponseWriter, r *http.Request, v *visitor) error {
	rep, err := s.agreement(r, v.who)
	if err != nil {
		return err
	}
	type named struct {
		Kind string `json:"kind"`
		Item string `json:"item"`
		Arm  string `json:"arm,omitempty"`
		A    string `json:"a,omitempty"`
		B    string `json:"b,omitempty"`
	}
	out := []named{}
	for _, it := range rep.Items {
		for _, p := range slices.Concat(it.Pairs, it.Repeats) {
			if report.PairPicture(it.Unit, p, false) != nil {
				out = append(out, named{"pair", it.Name, it.Arm, p.A, p.B})
			}
		}
	}
	for _, h := range rep.HeadToHead {
		if report.ROCPicture(h, false) != nil {
			out = append(out, named{Kind: "roc", Item: h.Item})
		}
	}
	return tell(w, map[string]any{"charts": out}, nil)
}
