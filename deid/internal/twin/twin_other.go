//go:build !amd64

package twin

const fast = false

func blocks(h *[2][8]uint32, p, q *byte, n int) { panic("twin: no code for this processor") }

func setFast(bool) {}
