package learn

import (
	"context"
	"math"
)

// validation is how the network did on the validation rows.
type validation struct {
	loss      float64            // NaN without validation rows
	values    map[string]float64 // "loss" and "target.metric"
	undefined map[string]string
}

// monitored is the value that m watches; NaN when it is undefined.
func (v validation) monitored(m monitor) float64 {
	if m.target < 0 {
		return v.loss
	}
	return m.value(v.values)
}

// validate scores the validation rows, one clip each.
func (t *trainer) validate(ctx context.Context) (validation, error) {
	if t.val == nil {
		return validation{loss: math.NaN()}, nil
	}
	if t.group != nil {
		return t.validateTogether(ctx)
	}
	truth, score := map[string][][]float64{}, map[string][][]float64{}
	var sums tally
	err := t.evaluated(func() error {
		for b, err := range t.val.Epoch(ctx, 0, 0) {
			if err != nil {
				return err
			}
			s := t.e.Scope()
			rows := pick(t.opts.Cohort.Rows, b.Rows)
			t.e.NoGrad(func() {
				outs := forward(t.e, t.net, seeing(t.e, t.table, t.opts.Cohort, b), t.plan.Train.Autocast, input(t.e, b))
				t.loss.tally(&sums, outs, rows)
				for i, h := range t.heads {
					for j, raw := range split(outs[i].Float32s(), h.outputs()) {
						truth[h.Name] = append(truth[h.Name], rows[j].Truth[h.Name])
						score[h.Name] = append(score[h.Name], h.decode(raw))
					}
				}
			})
			s.Close()
			b.Release()
		}
		return nil
	})
	if err != nil {
		return validation{}, err
	}
	v := validation{loss: sums.value(t.heads)}
	v.values, v.undefined = t.monitor.measure(t.heads, truth, score)
	v.values["loss"] = v.loss
	return v, nil
}

// split cuts a flat table into rows of width, widened.
func split(flat []float32, width int) [][]float64 {
	out := make([][]float64, len(flat)/width)
	for i := range out {
		out[i] = make([]float64, width)
		for j := range width {
			out[i][j] = float64(flat[i*width+j])
		}
	}
	return out
}
