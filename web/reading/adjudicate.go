package reading

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/agree"
	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/fault"
)

// performData takes an op of a visitor whose data are v.
func (s *Server) performData(ctx context.Context, v *visitor, kind annotate.Kind, data any) (receipt, error) {
	b, err := json.Marshal(data)
	if err != nil {
		return receipt{}, err
	}
	return s.perform(ctx, v, annotate.Op{Kind: kind, Data: b})
}

// limit is beyond what an item's answers are disagreed on.
type limit struct {
	Item   string  `json:"item"`
	Metric string  `json:"metric"`
	Limit  float64 `json:"limit"`
}

func limitsOf(list []limit) agree.Limits {
	out := agree.Limits{}
	for _, l := range list {
		out[l.Item] = protocol.Disagreement{Metric: l.Metric, Limit: l.Limit}
	}
	return out
}

// sent says what went to adjudicators, or would.
type sent struct {
	Cases   int      `json:"cases"`
	DryRun  bool     `json:"dry_run"`
	Settled string   `json:"method,omitempty"`
	Items   []string `json:"items,omitempty"`
}

// dispatching is a request to send disagreements to people, or to settle them by a rule.
type dispatching struct {
	To     []string `json:"to,omitempty"` // masks
	Due    string   `json:"due,omitempty"`
	Method string   `json:"method,omitempty"`
	Limits []limit  `json:"limits,omitempty"` // other than the protocol's; for those who may look at the readings' agreement
	Only   []string `json:"only,omitempty"`   // items
	Cases  []string `json:"cases,omitempty"`  // of these only
	DryRun bool     `json:"dry_run,omitempty"`
}

// postAdjudication sends what readers disagree on to adjudicators, or settles it by a rule. While reading goes on it goes by the protocol's
// own limits and by whole items, and nothing is told but how many cases it was: a coordinator sends without looking.
func (s *Server) postAdjudication(w http.ResponseWriter, r *http.Request, v *visitor) error {
	var in dispatching
	if err := read(r, &in); err != nil {
		return err
	}
	if err := s.project.May(v.who, policy.Dispatch); err != nil {
		return err
	}
	looks := s.project.May(v.who, policy.ViewAgreement) == nil
	if !looks && (len(in.Limits) > 0 || len(in.Cases) > 0 || in.DryRun) {
		return fault.New(fault.Usage, "while reading goes on disagreements are sent by the protocol's limits, without being looked at")
	}
	if (in.Method == "") == (len(in.To) == 0) {
		return fault.New(fault.Usage, "either a rule settles them or somebody decides")
	}
	if _, err := time.Parse(time.DateOnly, in.Due); in.Due != "" && err != nil {
		return fault.New(fault.Input, "a date is written as 2026-12-31")
	}
	records := s.project.Records()
	if records.Protocol == nil {
		return fault.New(fault.Conflict, "there is no protocol yet")
	}
	queue, err := agree.QueueAt(records, limitsOf(in.Limits))
	if err != nil {
		return err
	}
	queue = slices.DeleteFunc(queue, func(d agree.Disagreement) bool {
		return len(in.Only) > 0 && !slices.Contains(in.Only, d.Item) || len(in.Cases) > 0 && !slices.Contains(in.Cases, d.Case)
	})
	out := sent{DryRun: in.DryRun, Settled: in.Method}
	if in.Method != "" {
		results, err := agree.SettleOpen(r.Context(), records, queue, in.Method)
		if err != nil {
			return err
		}
		out.Cases = len(results)
		for _, res := range results {
			if in.DryRun {
				continue
			}
			if _, err := s.performOwn(r.Context(), v, annotate.Decided, res, res.Case); err != nil {
				return err
			}
		}
		return tell(w, out, nil)
	}
	to, err := s.decideBy(in.To)
	if err != nil {
		return err
	}
	cases := agree.Sendings(queue, to, in.Due)
	for _, c := range cases {
		for _, item := range c.Items {
			if !slices.Contains(out.Items, item) {
				out.Items = append(out.Items, item)
			}
		}
	}
	if out.Cases = len(cases); out.Cases == 0 {
		return tell(w, out, nil)
	}
	if in.DryRun {
		b, err := json.Marshal(map[string]any{"cases": cases})
		if err == nil {
			_, err = s.project.DryRun(r.Context(), v.who, annotate.Op{Kind: annotate.Sent, Data: b})
		}
		return tell(w, out, err)
	}
	_, err = s.performData(r.Context(), v, annotate.Sent, map[string]any{"cases": cases})
	return tell(w, out, err)
}

// performOwn takes an op whose data the server has worked out itself, of a kind that no browser may send.
func (s *Server) performOwn(ctx context.Context, v *visitor, kind annotate.Kind, data any, object string) (annotate.Event, error) {
	b, err := json.Marshal(data)
	if err != nil {
		return annotate.Event{}, err
	}
	if err := s.log.add(entry{Event: "annotate", Who: v.who, Session: v.session.tag, Kind: string(kind), Object: object}); err != nil {
		return annotate.Event{}, err
	}
	return s.project.Do(ctx, v.who, annotate.Op{Kind: kind, Data: b})
}
