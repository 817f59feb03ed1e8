package annotate

import (
	"math/rand/v2"
	"slices"

	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// layout makes the assignments of a design: readers are those with the role, models included where they read by themselves; cases are in
// the order in which they were added. Every order comes from the seed, so that the same readers, cases and seed give the same layout. Code
// input where a design cannot be laid out.
func layout(d protocol.Design, seed stats.Seed, readers []*Member, cases []string, locked func(id string) []*Reading) ([]*Assignment, error) {
	var people, models []string
	for _, m := range readers {
		if m.AI() {
			models = append(models, m.Name)
		} else if slices.Contains(m.Roles, policy.Reader) {
			people = append(people, m.Name)
		}
	}
	slices.Sort(people)
	slices.Sort(models)
	if len(people) == 0 || len(cases) == 0 {
		return nil, fault.New(fault.Input, "there are %d readers and %d cases to assign", len(people), len(cases))
	}
	if d.AI != "" && !slices.Contains(models, d.AI) {
		return nil, fault.New(fault.Input, "design.ai names no member that is a model").WithHint("add it as a member with the role service and its model's name and version")
	}
	l := &layouter{seed: seed, order: map[string]int{}}
	if d.Kind != protocol.Preference {
		for _, m := range models { // every model reads everything once; its readings are compared, and shown where the design says so
			for _, c := range cases {
				l.add(m, c, protocol.Unaided, 1)
			}
		}
	}
	switch d.Kind {
	case protocol.Independent:
		if d.Readers > len(people) {
			return nil, fault.New(fault.Input, "%d readers a case, and %d readers", d.Readers, len(people))
		}
		if d.Pool {
			l.slots(cases, d.Readers, protocol.Unaided)
			break
		}
		l.balanced(people, cases, d, protocol.Unaided)
	case protocol.Assisted:
		if d.Readers > len(people) {
			return nil, fault.New(fault.Input, "%d readers a case, and %d readers", d.Readers, len(people))
		}
		if d.Pool {
			l.slots(cases, d.Readers, protocol.Aided)
			break
		}
		l.balanced(people, cases, d, protocol.Aided)
	case protocol.Panel:
		for _, r := range people {
			for _, c := range l.shuffled(cases, "order", r) {
				l.add(r, c, protocol.Unaided, 1)
			}
		}
	case protocol.Sequential:
		for _, r := range people {
			for _, c := range l.shuffled(cases, "order", r) {
				first := l.add(r, c, protocol.Unaided, 1)
				l.add(r, c, protocol.Aided, 1).After = first.ID
			}
		}
	case protocol.Crossed:
		for _, r := range people {
			l.crossed(r, cases, d.WashoutDays)
		}
	case protocol.Preference:
		for _, r := range people {
			for _, c := range l.shuffled(cases, "order", r) {
				sides, err := l.sides(r, d.AI, c, locked(c))
				if err != nil {
					return nil, err
				}
				l.add(r, c, protocol.Preferring, 1).Sources = sides
			}
		}
	}
	return l.out, nil
}

type layouter struct {
	seed  stats.Seed
	out   []*Assignment
	order map[string]int
}

func (l *layouter) add(reader, id, arm string, session int) *Assignment {
	l.order[reader]++
	a := &Assignment{ID: newID(), Reader: reader, Case: id, Arm: arm, Session: session, Order: l.order[reader]}
	l.out = append(l.out, a)
	return a
}

func (l *layouter) rng(keys ...any) *rand.Rand { return l.seed.Stream(keys...) }

func (l *layouter) shuffled(cases []string, purpose, reader string) []string {
	out := slices.Clone(cases)
	l.rng(purpose, reader).Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// balanced gives each case to as many readers, each reader as many cases as the others or one more, and pairs of readers by chance.
func (l *layouter) balanced(people, cases []string, d protocol.Design, arm string) {
	load, mine := map[string]int{}, map[string][]string{}
	rng := l.rng("readers of cases")
	for _, c := range l.shuffled(cases, "cases", "") {
		free := slices.Clone(people)
		rng.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
		slices.SortStableFunc(free, func(a, b string) int { return load[a] - load[b] })
		for _, r := range free[:d.Readers] {
			load[r]++
			mine[r] = append(mine[r], c)
		}
	}
	for _, r := range people {
		work := l.shuffled(mine[r], "order", r)
		again := l.shuffled(work, "repeat", r)[:len(work)*d.Repeat/100]
		first := map[string]string{}
		for _, c := range work {
			first[c] = l.add(r, c, arm, 1).ID
		}
		for _, c := range again {
			l.add(r, c, arm, 2).After = first[c]
		}
	}
}

// crossed lays out two sessions: in the first half of the cases are read unaided and half aided, by chance; in the second the other way round, after
// the washout.
func (l *layouter) crossed(reader string, cases []string, washout int) {
	half, arm := l.shuffled(cases, "arms", reader), map[string]string{}
	for i, c := range half {
		arm[c] = protocol.Unaided
		if i >= (len(half)+l.rng("odd", reader).IntN(2))/2 {
			arm[c] = protocol.Aided
		}
	}
	other := map[string]string{protocol.Unaided: protocol.Aided, protocol.Aided: protocol.Unaided}
	first := map[string]string{}
	for _, c := range l.shuffled(cases, "first session", reader) {
		first[c] = l.add(reader, c, arm[c], 1).ID
	}
	for _, c := range l.shuffled(cases, "second session", reader) {
		a := l.add(reader, c, other[arm[c]], 2)
		a.After, a.Days = first[c], washout
	}
}

// sides are the AI's reading of a case and one of somebody else who is not the assessor, in an order by chance.
func (l *layouter) sides(reader, ai, id string, locked []*Reading) ([]string, error) {
	rng := l.rng("sides", reader, id)
	var machine string
	var others []string
	for _, r := range locked {
		switch {
		case r.Reader == ai:
			machine = r.ID
		case r.Reader != reader && r.Reader != "":
			others = append(others, r.ID)
		}
	}
	if machine == "" || len(others) == 0 {
		return nil, fault.New(fault.Input, "a preference needs a locked reading by the model and one by somebody who does not judge it, of every case")
	}
	out := []string{machine, others[rng.IntN(len(others))]}
	if rng.IntN(2) == 1 {
		out[0], out[1] = out[1], out[0]
	}
	return out, nil
}
