package fairness

import "math"

// GroupDRO is one step of online group distributionally robust optimisation (Sagawa et al. 2020).
type GroupDRO struct {
	GroupLoss, Q []float64
	Loss         float64
	Grad         [][]float64 // of Loss by the logits, Q held fixed
}

// StepGroupDRO takes logits [row][class] and the weights q of the groups. eta is q's step; c adds c/√n to each group that is present.
func StepGroupDRO(logits [][]float64, label, group []int, q []float64, eta, c float64) GroupDRO {
	mustMatch(len(logits), len(label), len(group))
	mustLie("group", group, 0, len(q))
	n, out := make([]float64, len(q)), GroupDRO{GroupLoss: make([]float64, len(q))}
	for i, z := range logits {
		top, sum := math.Inf(-1), 0.0
		for _, v := range z {
			top = max(top, v)
		}
		for _, v := range z {
			sum += math.Exp(v - top)
		}
		p := make([]float64, len(z))
		for k, v := range z {
			p[k] = math.Exp(v-top) / sum
		}
		out.GroupLoss[group[i]] += math.Log(sum) + top - z[label[i]]
		p[label[i]]--
		n[group[i]]++
		out.Grad = append(out.Grad, p)
	}
	for g := range q {
		out.GroupLoss[g] = over(out.GroupLoss[g], n[g])
	}
	var adjusted []float64
	out.Q, adjusted = UpdateDRO(q, out.GroupLoss, n, eta, c)
	for g := range q {
		out.Loss += out.Q[g] * adjusted[g]
	}
	for i, row := range out.Grad {
		for k := range row {
			row[k] *= out.Q[group[i]] / n[group[i]]
		}
	}
	return out
}
