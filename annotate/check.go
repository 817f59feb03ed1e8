package annotate

import (
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
)

// Check completes an answer as putting it into the reading of an assignment would, with its numbers of record, and writes nothing. Code input, in
// words for the reader, where the answer does not fit; ErrUnknown where the member may not see the case.
func (p *Project) Check(who, assignment string, a *Answer) error {
	if _, err := p.Pictures(who, assignment); err != nil {
		return err
	}
	p.mu.RLock()
	task := p.state.assignments[assignment]
	rules, c := p.state.current(), p.state.cases[task.Case]
	if task.reading != "" {
		rules = p.state.rules(p.state.readings[task.reading])
	}
	p.mu.RUnlock()
	it := rules.Item(a.Item)
	if it == nil || len(task.Items) > 0 && !slices.Contains(task.Items, a.Item) {
		return fault.New(fault.Input, "the reading does not ask for this item")
	}
	return a.complete(it, c, p.pictures.of(""))
}
