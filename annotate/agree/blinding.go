package agree

import (
	"context"
	"math"
	"slices"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/stats"
)

// Blinding is how well people told which reading was made by AI: of one question in one arm, by one reader or all.
type Blinding struct {
	Item     string    `json:"item"`
	Arm      string    `json:"arm"`
	Reader   string    `json:"reader"`
	Right    int       `json:"right"`
	Wrong    int       `json:"wrong"`
	Unknown  int       `json:"unknown"`
	Measures []Measure `json:"measures"`
	Notes    []string  `json:"notes,omitempty"`
}

// guess is one answer to where a reading comes from. arm is 0 where the truth was the first answer of the arm (A is the AI's; it is AI), 1 where
// it was the second.
type guess struct {
	reader, patient string
	arm             int
	said            int // 0 right, 1 wrong, 2 unknown
}

// blinding of every question about origin in every arm that asks it.
func blinding(ctx context.Context, r *annotate.Records, o Options) (out []Blinding, err error) {
	for i := range r.Protocol.Items {
		it := &r.Protocol.Items[i]
		if it.Kind != protocol.Origin {
			continue
		}
		for _, arm := range []string{protocol.Preferring, protocol.Aided} {
			list := guesses(r, it, arm)
			if len(list) == 0 {
				continue
			}
			var readers []string
			for _, g := range list {
				readers = append(readers, g.reader)
			}
			slices.Sort(readers)
			for _, who := range slices.Concat([]string{everybody}, slices.Compact(readers)) {
				mine := list
				if who != everybody {
					mine = slices.DeleteFunc(slices.Clone(list), func(g guess) bool { return g.reader != who })
				}
				b, err := blindingOf(ctx, it, arm, who, mine, o)
				if err != nil {
					return nil, err
				}
				out = append(out, *b)
			}
		}
	}
	return out, nil
}

// guesses are the answers of people to where a reading comes from, with the truth. Readings of which the truth is not known (both sides by people,
// or none shown) are no part of it.
func guesses(r *annotate.Records, it *protocol.Item, arm string) (out []guess) {
	ai, patient := map[string]bool{}, map[string]string{}
	for _, x := range r.Readings {
		ai[x.ID] = x.AI
	}
	for _, c := range r.Cases {
		patient[c.ID] = unit{Case: c.ID, Patient: c.Patient}.patient()
	}
	answers := protocol.Origins(arm)
	for _, x := range r.Readings {
		if x.Arm != arm || x.AI || len(x.Shown) == 0 {
			continue
		}
		truth := -1
		switch {
		case arm == protocol.Aided && ai[x.Shown[0]]:
			truth = 0
		case arm == protocol.Aided:
			truth = 1
		case len(x.Shown) == 2 && ai[x.Shown[0]] != ai[x.Shown[1]]:
			if truth = 0; ai[x.Shown[1]] {
				truth = 1
			}
		}
		for _, a := range x.Answers {
			if a.Item != it.Name || truth < 0 || len(a.Choice) != 1 {
				continue
			}
			g := guess{x.Reader, patient[x.Case], truth, 2}
			if a.Choice[0] == answers[truth] {
				g.said = 0
			} else if a.Choice[0] != protocol.Unknown {
				g.said = 1
			}
			out = append(out, g)
		}
	}
	return out
}

// tally counts guesses by arm, guess i weight[i] times.
func tally(list []guess, weight []float64) (out [2]stats.Guesses) {
	for i, g := range list {
		w, t := 1.0, &out[g.arm]
		if weight != nil {
			w = weight[i]
		}
		switch g.said {
		case 0:
			t.Right += w
		case 1:
			t.Wrong += w
		default:
			t.Unknown += w
		}
	}
	return out
}

func blindingOf(ctx context.Context, it *protocol.Item, arm, who string, list []guess, o Options) (*Blinding, error) {
	all := tally(list, nil)
	b := &Blinding{Item: it.Name, Arm: arm, Reader: who, Right: int(all[0].Right + all[1].Right), Wrong: int(all[0].Wrong + all[1].Wrong),
		Unknown: int(all[0].Unknown + all[1].Unknown), Measures: []Measure{}}
	patients := make([]string, len(list))
	for i, g := range list {
		patients[i] = g.patient
	}
	add := func(name string, v float64, formula stats.Interval, n int, figure func([2]stats.Guesses) float64, why string) error {
		ci := formula
		if clustered(patients) {
			var err error
			if ci, err = o.resampled(ctx, "blinding/"+it.Name+arm+who+name, patients, func(weight []float64) float64 { return figure(tally(list, weight)) }); err != nil {
				return err
			}
		}
		if math.IsNaN(v) {
			ci = stats.Interval{Low: math.NaN(), High: math.NaN(), Method: ci.Method}
		}
		b.Measures = append(b.Measures, measured(name, v, ci, n).because(why))
		return nil
	}
	size := func(g stats.Guesses) int { return int(g.Right + g.Wrong + g.Unknown) }
	names := [2]string{"Bang index, AI was A", "Bang index, AI was B"}
	if arm == protocol.Aided {
		names = [2]string{"Bang index, AI was shown", "Bang index, a person's was shown"}
	}
	alike := "no interval: all answered alike"
	for k, name := range names {
		if size(all[k]) == 0 {
			continue
		}
		x := stats.BangIndex(all[k])
		if err := add(name, x.Value, x.Interval(o.Level), size(all[k]), func(t [2]stats.Guesses) float64 { return stats.BangIndex(t[k]).Value }, alike); err != nil {
			return nil, err
		}
	}
	if size(all[0]) == 0 || size(all[1]) == 0 {
		b.Notes = append(b.Notes, "James' index takes both kinds: here it was one, and whoever always says so is always right")
		return b, nil
	}
	x := stats.JamesIndex(all[0], all[1])
	why := alike
	if math.IsNaN(x.Value) {
		why = "not defined: nobody could be wrong by chance"
	}
	return b, add("James index", x.Value, x.Interval(o.Level), len(list), func(t [2]stats.Guesses) float64 { return stats.JamesIndex(t[0], t[1]).Value }, why)
}
