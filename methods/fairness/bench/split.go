package bench

// permutation is NumPy's RandomState(seed).permutation(n): a Mersenne Twister (Matsumoto and Nishimura 1998) and Fisher–Yates from the
// end with masked rejection. The reference divided its rows by it, and small tables' numbers depend on the division; nothing else may use it.
func permutation(seed uint32, n int) []int {
	m := newTwister(seed)
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	for i := n - 1; i > 0; i-- {
		mask := uint32(i)
		for s := 1; s < 32; s *= 2 {
			mask |= mask >> s
		}
		j := m.next() & mask
		for j > uint32(i) {
			j = m.next() & mask
		}
		out[i], out[j] = out[j], out[i]
	}
	return out
}

const twisterSize = 624

type twister struct {
	state [twisterSize]uint32
	at    int
}

func newTwister(seed uint32) *twister {
	m := &twister{at: twisterSize}
	m.state[0] = seed
	for i := 1; i < twisterSize; i++ {
		m.state[i] = 1812433253*(m.state[i-1]^m.state[i-1]>>30) + uint32(i)
	}
	return m
}

func (m *twister) next() uint32 {
	if m.at == twisterSize {
		for k := range twisterSize {
			y := m.state[k]&0x80000000 | m.state[(k+1)%twisterSize]&0x7fffffff
			v := m.state[(k+397)%twisterSize] ^ y>>1
			if y&1 != 0 {
				v ^= 0x9908b0df
			}
			m.state[k] = v
		}
		m.at = 0
	}
	y := m.state[m.at]
	m.at++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

// divide is the training and the test rows: the permutation's first three quarters and the rest.
func divide(n int) (train, test []int) {
	p := permutation(0, n)
	cut := n - (n+3)/4
	return p[:cut], p[cut:]
}
