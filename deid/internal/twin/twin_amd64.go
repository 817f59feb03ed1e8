package twin

// blocks adds n blocks of 64 bytes at p to the state h[0], and n at q to h[1].
//
//go:noescape
func blocks(h *[2][8]uint32, p, q *byte, n int)

func cpuid(leaf, sub uint32) (a, b, c, d uint32)

var fast = hasSHA() && works()

// hasSHA reports whether the processor has the SHA extensions, SSSE3 and SSE4.1, by CPUID leaves 1 and 7.
func hasSHA() bool {
	top, _, _, _ := cpuid(0, 0)
	if top < 7 {
		return false
	}
	_, _, c, _ := cpuid(1, 0)
	_, b, _, _ := cpuid(7, 0)
	const ssse3, sse41, sha = 1 << 9, 1 << 19, 1 << 29
	return c&ssse3 != 0 && c&sse41 != 0 && b&sha != 0
}

func setFast(on bool) { fast = on } // for tests
