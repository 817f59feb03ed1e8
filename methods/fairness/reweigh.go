package fairness

// Reweigh are the weights of Kamiran and Calders 2012: P(group)·P(label) / P(group, label) per row, after which label and group are independent.
func Reweigh(y, group []int, k int) []float64 {
	mustMatch(len(y), len(group))
	mustLie("label", y, 0, 2)
	mustLie("group", group, 0, k)
	var label [2]float64
	people, cell := make([]float64, k), make([][2]float64, k)
	for i, g := range group {
		label[y[i]]++
		people[g]++
		cell[g][y[i]]++
	}
	out := make([]float64, len(y))
	for i, g := range group {
		out[i] = people[g] * label[y[i]] / (float64(len(y)) * cell[g][y[i]])
	}
	return out
}
