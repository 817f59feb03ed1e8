package fairness

import "slices"

// Cross numbers the cells of two attributes that hold at least one row, in order, and says each row's cell.
func Cross(a, b []int) (cells [][2]int, group []int) {
	for i := range a {
		cells = append(cells, [2]int{a[i], b[i]})
	}
	rows := slices.Clone(cells)
	order := func(x, y [2]int) int { return slices.Compare(x[:], y[:]) }
	slices.SortFunc(cells, order)
	cells = slices.Compact(cells)
	for _, c := range rows {
		at, _ := slices.BinarySearchFunc(cells, c, order)
		group = append(group, at)
	}
	return cells, group
}
