package agree

import (
	"context"
	"math"
	"reflect"
	"slices"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/stats"
)

// everybody is the name of the row of all people together.
const everybody = "all people"

// Edits is what people did with the answers that their readings began with, copies of a model's: of one question, by one reader or all.
type Edits struct {
	Item     string    `json:"item"` // "" for the times
	Reader   string    `json:"reader"`
	Began    int       `json:"began_with"` // answers
	Kept     int       `json:"kept"`
	Changed  int       `json:"changed"`
	Removed  int       `json:"removed"`
	Added    int       `json:"added"` // answers to this question that were not there
	Measures []Measure `json:"measures"`
}

// edit is one answer that a reading began with, and what became of it.
type edit struct {
	reader, patient string
	was, is         *annotate.Answer // is: nil if it was removed
}

// edits of all questions that readings began with an answer to. Nil where none did.
func edits(ctx context.Context, r *annotate.Records, o Options) (out []Edits, err error) {
	patient := map[string]string{}
	for _, c := range r.Cases {
		patient[c.ID] = unit{Case: c.ID, Patient: c.Patient}.patient()
	}
	var readers []string
	list, added := map[string][]edit{}, map[[2]string]int{}
	for _, x := range r.Readings {
		if len(x.Prefilled) == 0 || x.AI {
			continue
		}
		if !slices.Contains(readers, x.Reader) {
			readers = append(readers, x.Reader)
		}
		now := map[string]*annotate.Answer{}
		for _, a := range x.Answers {
			now[a.ID] = a
			if it := r.Protocol.Item(a.Item); a.DerivedFrom == "" && it != nil && it.Prefill {
				added[[2]string{a.Item, x.Reader}]++
			}
		}
		for _, a := range x.Prefilled {
			list[a.Item] = append(list[a.Item], edit{x.Reader, patient[x.Case], a, now[a.ID]})
		}
	}
	if len(readers) == 0 {
		return nil, nil
	}
	slices.Sort(readers)
	for i := range r.Protocol.Items {
		it := &r.Protocol.Items[i]
		all := list[it.Name]
		if len(all) == 0 {
			continue
		}
		for _, who := range slices.Concat([]string{everybody}, readers) {
			mine := all
			n := added[[2]string{it.Name, who}]
			if who == everybody {
				for _, name := range readers {
					n += added[[2]string{it.Name, name}]
				}
			} else {
				mine = slices.DeleteFunc(slices.Clone(all), func(e edit) bool { return e.reader != who })
			}
			if len(mine) == 0 {
				continue
			}
			e, err := editsOf(ctx, it, who, mine, o)
			if err != nil {
				return nil, err
			}
			e.Added = n
			out = append(out, *e)
		}
	}
	times, err := timesOf(ctx, r, readers, patient, o)
	return append(out, times...), err
}

func editsOf(ctx context.Context, it *protocol.Item, who string, list []edit, o Options) (*Edits, error) {
	e := &Edits{Item: it.Name, Reader: who, Began: len(list), Measures: []Measure{}}
	kept, changed, removed := make([]float64, len(list)), make([]float64, len(list)), make([]float64, len(list))
	patients := make([]string, len(list))
	for i, x := range list {
		patients[i] = x.patient
		switch {
		case x.is == nil:
			removed[i] = 1
			e.Removed++
		case sameAnswer(x.was, x.is):
			kept[i] = 1
			e.Kept++
		default:
			changed[i] = 1
			e.Changed++
		}
	}
	add := func(name, unit string, values []float64, patients []string, wilson bool, note string) error {
		if len(values) == 0 {
			return nil
		}
		v := average(values)
		var ci stats.Interval
		if wilson && !clustered(patients) {
			ci = stats.Wilson(v*float64(len(values)), float64(len(values)), o.Level)
		} else {
			var err error
			if ci, err = o.resampled(ctx, "edits/"+it.Name+"/"+who+"/"+name, patients, func(weight []float64) float64 { return weighted(values, weight) }); err != nil {
				return err
			}
		}
		m := measured(name, v, ci, len(values))
		m.Unit, m.Note = unit, note
		e.Measures = append(e.Measures, m.because(fewOrAlike))
		return nil
	}
	for _, s := range []struct {
		name   string
		values []float64
	}{{"kept as it was", kept}, {"changed", changed}, {"removed", removed}} {
		if err := add(s.name, "", s.values, patients, true, ""); err != nil {
			return nil, err
		}
	}
	switch it.Kind {
	case protocol.Mask:
		return e, masksEdited(list, add)
	case protocol.Number, protocol.Measurement, protocol.Ejection, protocol.Frame:
		var by []float64
		var of []string
		for _, x := range list {
			if x.is == nil {
				continue
			}
			if v, w := value(it, x.was), value(it, x.is); !math.IsNaN(v) && !math.IsNaN(w) {
				by, of = append(by, math.Abs(w-v)), append(of, x.patient)
			}
		}
		unit := it.Unit
		if it.Kind == protocol.Frame {
			unit = frameUnit
		}
		return e, add("mean absolute change", unit, by, of, false, "")
	}
	return e, nil
}

func masksEdited(list []edit, add func(name, unit string, values []float64, patients []string, wilson bool, note string) error) error {
	var dice, far []float64
	var ofDice, ofFar []string
	unit, empty := measure.Millimetre, 0
	for _, x := range list {
		if x.is == nil {
			continue
		}
		s, in, ok := compareMasks(x.was, x.is)
		if !ok {
			continue
		}
		if in != measure.Millimetre {
			unit = in
		}
		if !math.IsNaN(s.Dice) {
			dice, ofDice = append(dice, s.Dice), append(ofDice, x.patient)
		}
		if math.IsNaN(s.HD95) {
			empty++
			continue
		}
		far, ofFar = append(far, s.HD95), append(ofFar, x.patient)
	}
	if err := add("mean Dice, before and after", "", dice, ofDice, false, ""); err != nil {
		return err
	}
	note := ""
	if empty > 0 {
		note = plural(empty, "mask", "masks") + " left out: empty before or after"
	}
	return add("mean HD95, before and after", unit, far, ofFar, false, note)
}

// sameAnswer compares what a reader gives; how sure they are, and what is computed, do not count.
func sameAnswer(a, b *annotate.Answer) bool {
	number := a.Number == nil && b.Number == nil || a.Number != nil && b.Number != nil && *a.Number == *b.Number
	return number && slices.Equal(a.Choice, b.Choice) && a.Text == b.Text && a.CannotAssess == b.CannotAssess && a.Frame == b.Frame && a.To == b.To &&
		reflect.DeepEqual(a.Shapes, b.Shapes) && (a.Mask == nil && b.Mask == nil || a.Mask != nil && b.Mask != nil && slices.Equal(a.Mask.Runs, b.Mask.Runs))
}

// timesOf are the seconds of readings that began with a model's answers, and of the same readers' unaided ones.
func timesOf(ctx context.Context, r *annotate.Records, readers []string, patient map[string]string, o Options) (out []Edits, err error) {
	for _, who := range slices.Concat([]string{everybody}, readers) {
		e := Edits{Reader: who, Measures: []Measure{}}
		for _, s := range []struct {
			name string
			of   func(x annotate.ReadingRecord) bool
		}{
			{"seconds a case, beginning with the model's answers", func(x annotate.ReadingRecord) bool { return len(x.Prefilled) > 0 }},
			{"seconds a case, unaided", func(x annotate.ReadingRecord) bool { return x.Arm == protocol.Unaided }},
		} {
			var seconds []float64
			var of []string
			for _, x := range r.Readings {
				if x.AI || !slices.Contains(readers, x.Reader) || who != everybody && x.Reader != who || !s.of(x) || x.Seconds <= 0 {
					continue
				}
				seconds, of = append(seconds, x.Seconds), append(of, patient[x.Case])
			}
			if len(seconds) == 0 {
				continue
			}
			ci, err := o.resampled(ctx, "times/"+who+s.name, of, func(weight []float64) float64 {
				all := times(seconds, weight)
				slices.Sort(all)
				return stats.Quantile(all, 0.5)
			})
			if err != nil {
				return nil, err
			}
			slices.Sort(seconds)
			m := measured("median "+s.name, stats.Quantile(seconds, 0.5), ci, len(seconds))
			m.Unit = "s"
			e.Measures = append(e.Measures, m.because(fewOrAlike))
		}
		if len(e.Measures) > 0 {
			out = append(out, e)
		}
	}
	return out, nil
}
