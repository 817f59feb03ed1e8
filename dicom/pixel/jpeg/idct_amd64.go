package jpeg

import "golang.org/x/sys/cpu"

var hasAVX2 = cpu.X86.HasAVX2

// idctAVX2 is idct8 for the eight rows of dst, stride apart, and clears w. For coefficients that overflow 32 bits, which no encoder writes,
// it may differ from idct8, whose shortcuts do not overflow.
//
//go:noescape
func idctAVX2(w *[64]int32, dst *byte, stride int)

// inverse8 runs the inverse DCT of w into dst, which has eight rows of eight samples, stride apart, and clears w.
func inverse8(w *[64]int32, dst []byte, stride int) {
	if hasAVX2 {
		_ = dst[7*stride+7]
		idctAVX2(w, &dst[0], stride)
		return
	}
	idct8(w, dst, stride)
	clear(w[:])
}
