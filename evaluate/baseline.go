package evaluate

// baseline learns the predictor that says the same of everyone (how common each class is, or the mean) and gives its scores for the
// judged rows col of q. It learns from training rows; in cross-validation, where each row is judged once and none is called training,
// from the rows of the other folds; and else from the judged rows themselves, which makes it a little too good.
func baseline(p, q *Predictions, col *column, o Options) (*Baseline, [][]float64) {
	t := col.target
	b := &Baseline{Method: "prevalence", From: o.Train}
	switch t.Kind {
	case Regression:
		b.Method = "mean"
	case TimeToEvent:
		b.Method = "kaplan-meier"
	}
	train := p.Select(p.InSplit(o.Train))
	scores := make([][]float64, len(col.rows))
	if v := centre(t, train.Truth[t.Name]); v != nil && o.Train != o.Split {
		b.Values = v
		for i := range scores {
			scores[i] = v
		}
		return b, scores
	}
	if byFold := otherFolds(t, pick(q.Fold, col.rows), col.truth); byFold != nil {
		b.From = "other folds"
		b.Values = make([]float64, t.Width())
		for i, row := range col.rows {
			scores[i] = byFold[q.Fold[row]]
			for j, v := range scores[i] {
				b.Values[j] += v / float64(len(scores))
			}
		}
		if t.Kind != Regression {
			// A class that is common in a fold is rare in the others: scores that differ by fold would rank rows the wrong way
			// round, and guessing would look worse than it is. One prevalence for all leaves ranks tied, AUROC at 0.5.
			for i := range scores {
				scores[i] = b.Values
			}
		}
		return b, scores
	}
	b.From = o.Split
	b.Values = centre(t, col.truth)
	for i := range scores {
		scores[i] = b.Values
	}
	return b, scores
}

// centre is the mean truth, or the share of each class; nil when no row has truth.
func centre(t Target, truth [][]float64) []float64 {
	if t.Kind == TimeToEvent {
		return survivalCentre(t, truth)
	}
	sum := make([]float64, t.Width())
	var n float64
	for _, row := range truth {
		if !complete(row) {
			continue
		}
		n++
		if t.Kind == Class {
			sum[int(row[0])]++
			continue
		}
		for j, v := range row {
			sum[j] += v
		}
	}
	if n == 0 {
		return nil
	}
	for j := range sum {
		sum[j] /= n
	}
	return sum
}

// otherFolds is the centre of the rows outside each fold; nil without at least two folds that each leave rows to learn from.
func otherFolds(t Target, fold []int, truth [][]float64) map[int][]float64 {
	out := map[int][]float64{}
	for _, f := range fold {
		if f < 0 {
			return nil
		}
		if _, done := out[f]; done {
			continue
		}
		var rest [][]float64
		for i, row := range truth {
			if fold[i] != f {
				rest = append(rest, row)
			}
		}
		if out[f] = centre(t, rest); out[f] == nil {
			return nil
		}
	}
	if len(out) < 2 {
		return nil
	}
	return out
}
