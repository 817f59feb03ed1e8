package sector

// grow is on with every cell that has a neighbour in it within n cells (a square).
func grow(on []bool, n int) []bool {
	row := make([]bool, len(on))
	out := make([]bool, len(on))
	for y := range GridH {
		last := -1000
		for x := range GridW {
			if on[y*GridW+x] {
				last = x
			}
			row[y*GridW+x] = x-last <= n
		}
		next := 1000
		for x := GridW - 1; x >= 0; x-- {
			if on[y*GridW+x] {
				next = x
			}
			row[y*GridW+x] = row[y*GridW+x] || next-x <= n && next-x >= 0
		}
	}
	for x := range GridW {
		last := -1000
		for y := range GridH {
			if row[y*GridW+x] {
				last = y
			}
			out[y*GridW+x] = y-last <= n
		}
		next := 1000
		for y := GridH - 1; y >= 0; y-- {
			if row[y*GridW+x] {
				next = y
			}
			out[y*GridW+x] = out[y*GridW+x] || next-y <= n && next-y >= 0
		}
	}
	return out
}

func not(on []bool) []bool {
	out := make([]bool, len(on))
	for i, v := range on {
		out[i] = !v
	}
	return out
}

// shrink takes away the cells within n of one that is off; the picture's border does not count as off.
func shrink(on []bool, n int) []bool { return not(grow(not(on), n)) }

// components are the connected groups (four neighbours) of at least least cells.
func components(on []bool, least int) [][]int {
	var out [][]int
	seen := make([]bool, len(on))
	for i := range on {
		if !on[i] || seen[i] {
			continue
		}
		group := []int{i}
		seen[i] = true
		for k := 0; k < len(group); k++ {
			x, y := group[k]%GridW, group[k]/GridW
			for _, d := range [4][2]int{{1, 0}, {-1, 0}, {0, 1}, {0, -1}} {
				nx, ny := x+d[0], y+d[1]
				if nx >= 0 && ny >= 0 && nx < GridW && ny < GridH && on[ny*GridW+nx] && !seen[ny*GridW+nx] {
					seen[ny*GridW+nx] = true
					group = append(group, ny*GridW+nx)
				}
			}
		}
		if len(group) >= least {
			out = append(out, group)
		}
	}
	return out
}

// filled is the group with its holes.
func filled(group []int) []bool {
	on := make([]bool, GridH*GridW)
	for _, k := range group {
		on[k] = true
	}
	for _, hole := range components(not(on), 1) {
		edge := false
		for _, k := range hole {
			x, y := k%GridW, k/GridW
			edge = edge || x == 0 || y == 0 || x == GridW-1 || y == GridH-1
		}
		if !edge {
			for _, k := range hole {
				on[k] = true
			}
		}
	}
	return on
}
