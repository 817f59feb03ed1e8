package net

import "golang.org/x/sys/cpu"

//go:noescape
func tileAVX(dst *float32, wide int, src *float32, offs *int, w *float32, taps int, blocks int, lo float32)

var hasAVX = cpu.X86.HasAVX

func tile(dst []float32, wide int, src []float32, at int, offs []int, w []float32, blocks int, lo float32) {
	if !hasAVX || blocks == 0 || len(offs) == 0 {
		tileGo(dst, wide, src, at, offs, w, blocks, lo)
		return
	}
	_, _ = dst[4*wide-1], w[4*len(offs)+3]
	for _, off := range offs { // the assembly does not look
		_, _ = src[at+off], src[at+off+blocks*lanes-1]
	}
	tileAVX(&dst[0], wide, &src[at], &offs[0], &w[0], len(offs), blocks, lo)
}
