//go:build !amd64

package jpeg

// inverse8 runs the inverse DCT of w into dst, which has eight rows of eight samples, stride apart, and clears w.
func inverse8(w *[64]int32, dst []byte, stride int) {
	idct8(w, dst, stride)
	clear(w[:])
}
