//go:build !amd64

package net

func tile(dst []float32, wide int, src []float32, at int, offs []int, w []float32, blocks int, lo float32) {
	tileGo(dst, wide, src, at, offs, w, blocks, lo)
}
