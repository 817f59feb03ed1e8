package volume

// Components numbers the connected pieces of the positions where in holds, from 1 in the order of their first voxel, and counts their
// voxels (size[0] is that of the background). Neighbours share a face (6 of them, 4 in a picture), or with corners set a corner too (26, 8).
func Components(in []bool, shape [3]int, corners bool) (piece []int32, size []int) {
	piece = make([]int32, len(in))
	size = []int{0}
	var stack []int
	for i := range in {
		if !in[i] {
			size[0]++
			continue
		}
		if piece[i] != 0 {
			continue
		}
		id := int32(len(size))
		size = append(size, 0)
		piece[i] = id
		stack = append(stack[:0], i)
		for len(stack) > 0 {
			p := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			size[id]++
			z, y, x := p/(shape[1]*shape[2]), p/shape[2]%shape[1], p%shape[2]
			for dz := -1; dz <= 1; dz++ {
				for dy := -1; dy <= 1; dy++ {
					for dx := -1; dx <= 1; dx++ {
						if !corners && dz*dz+dy*dy+dx*dx != 1 {
							continue
						}
						a, b, c := z+dz, y+dy, x+dx
						if a < 0 || b < 0 || c < 0 || a >= shape[0] || b >= shape[1] || c >= shape[2] {
							continue
						}
						if q := (a*shape[1]+b)*shape[2] + c; in[q] && piece[q] == 0 {
							piece[q] = id
							stack = append(stack, q)
						}
					}
				}
			}
		}
	}
	return piece, size
}

// KeepLargest sets all but the largest piece of each foreground class to background, in place; of equal pieces the first stays.
func KeepLargest(label []uint8, shape [3]int, classes int) {
	in := make([]bool, len(label))
	for class := 1; class < classes; class++ {
		for i, l := range label {
			in[i] = int(l) == class
		}
		piece, size := Components(in, shape, true)
		best := 0
		for id := 1; id < len(size); id++ {
			if best == 0 || size[id] > size[best] {
				best = id
			}
		}
		for i, id := range piece {
			if id != 0 && int(id) != best {
				label[i] = 0
			}
		}
	}
}
