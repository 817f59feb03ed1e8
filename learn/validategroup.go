package learn

import (
	"context"
)

// validateTogether is validate by several processes: each scores its share of the rows, which need not divide evenly, and all then have all
// scores, in the order of the rows, so that every process computes the same metrics and decides alike. A row that cannot be read is left
// out, as by one process.
func (t *trainer) validateTogether(ctx context.Context) (validation, error) {
	rows := t.opts.Fold.Val
	place := make(map[int]int, len(rows))
	for i, r := range rows {
		place[r] = i
	}
	width := 1 // whether the row was read
	for _, h := range t.heads {
		width += h.outputs()
	}
	table := make([]float64, len(rows)*width)
	losses := make([]float64, 2*len(t.heads))
	err := t.evaluated(func() error {
		var sums tally
		for b, err := range t.val.Epoch(ctx, 0, 0) {
			if err != nil {
				return err
			}
			s := t.e.Scope()
			t.e.NoGrad(func() {
				outs := forward(t.e, t.net, seeing(t.e, t.table, t.opts.Cohort, b), t.plan.Train.Autocast, input(t.e, b))
				t.loss.tally(&sums, outs, pick(t.opts.Cohort.Rows, b.Rows))
				at := 1
				for i, h := range t.heads {
					for j, raw := range split(outs[i].Float32s(), h.outputs()) {
						row := table[place[b.Rows[j]]*width:][:width]
						row[0] = 1
						copy(row[at:], raw)
					}
					at += h.outputs()
				}
			})
			s.Close()
			b.Release()
		}
		for i := range sums.sum {
			losses[i], losses[len(t.heads)+i] = sums.sum[i], float64(sums.count[i])
		}
		return nil
	})
	if err != nil {
		return validation{}, err
	}
	t.gather(table)
	t.gather(losses)
	truth, score := map[string][][]float64{}, map[string][][]float64{}
	for i, r := range rows {
		row := table[i*width:][:width]
		if row[0] == 0 {
			continue
		}
		at := 1
		for _, h := range t.heads {
			truth[h.Name] = append(truth[h.Name], t.opts.Cohort.Rows[r].Truth[h.Name])
			score[h.Name] = append(score[h.Name], h.decode(append([]float64{}, row[at:at+h.outputs()]...)))
			at += h.outputs()
		}
	}
	all := tally{sum: losses[:len(t.heads)]}
	for _, n := range losses[len(t.heads):] {
		all.count = append(all.count, int(n))
	}
	v := validation{loss: all.value(t.heads)}
	v.values, v.undefined = t.monitor.measure(t.heads, truth, score)
	v.values["loss"] = v.loss
	return v, nil
}
