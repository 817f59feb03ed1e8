package agree

import (
	"context"
	"math"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/fault"
)

// Sending is a case that goes to adjudicators, as the op of kind adjudication.send has it.
type Sending struct {
	Case   string   `json:"case"`
	Items  []string `json:"items"`
	To     []string `json:"adjudicators"`
	Reason string   `json:"reason"`
	Due    string   `json:"due,omitempty"`
}

// Sendings are the cases with a disagreement in list that is not decided, each once, with the items that readers differ on.
func Sendings(list []Disagreement, to []string, due string) []*Sending {
	var out []*Sending
	by := map[string]*Sending{}
	for _, d := range list {
		if d.Decided {
			continue
		}
		s := by[d.Case]
		if s == nil {
			s = &Sending{Case: d.Case, To: to, Due: due}
			by[d.Case], out = s, append(out, s)
		}
		if !slices.Contains(s.Items, d.Item) {
			s.Items = append(s.Items, d.Item)
		}
	}
	for _, s := range out {
		s.Reason = "readers differ on " + strings.Join(s.Items, ", ")
	}
	return out
}

// SettleOpen are a rule's results for what is disagreed on and not decided: the cases in list, and of these the items.
func SettleOpen(ctx context.Context, r *annotate.Records, list []Disagreement, method string) ([]Result, error) {
	open := map[[2]string]bool{}
	for _, d := range list {
		open[[2]string{d.Case, d.Item}] = !d.Decided || open[[2]string{d.Case, d.Item}]
	}
	all, err := Settle(ctx, r, method)
	if err != nil {
		return nil, err
	}
	var out []Result
	for _, res := range all {
		res.Answers = slices.DeleteFunc(res.Answers, func(a *annotate.Answer) bool { return !open[[2]string{res.Case, a.Item}] })
		if len(res.Answers) > 0 {
			out = append(out, res)
		}
	}
	return out, nil
}

// Limits are by how much two people may differ on an item before somebody else has to look, where it is not what the protocol says.
type Limits map[string]protocol.Disagreement

// QueueAt is [Queue] at other limits. The items that it does not name keep the protocol's. Code input for an item that is not there, or a metric
// that it does not have.
func QueueAt(r *annotate.Records, at Limits) ([]Disagreement, error) {
	if len(at) == 0 || r.Protocol == nil {
		return Queue(r), nil
	}
	p := *r.Protocol
	p.Items = slices.Clone(p.Items)
	for name, d := range at {
		it := p.Item(name)
		if it == nil {
			return nil, fault.New(fault.Input, "there is no item of that name")
		}
		if d.Metric != "" && !slices.Contains(protocol.Metrics(it.Kind), d.Metric) {
			return nil, fault.New(fault.Input, "how far apart answers to %s are is told by %v", it.Label, protocol.Metrics(it.Kind))
		}
		if !(d.Limit >= 0) || math.IsInf(d.Limit, 0) {
			return nil, fault.New(fault.Input, "a limit is a number that is not negative")
		}
		it.Disagreement = d
	}
	c := *r
	c.Protocol = &p
	return Queue(&c), nil
}
