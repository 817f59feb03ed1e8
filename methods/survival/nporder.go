package survival

import "math/bits"

// numpyOrder sorts indices of v ascending and leaves equal values in the order that NumPy's default argsort does (introsort: median of
// three, insertion sort of 16 and fewer). Binned tests of libraries that use it depend on that order where equal predictions straddle
// the edge of a bin.
func numpyOrder(v []float64) []int {
	a := allRows(len(v))
	var sort func(lo, hi, depth int)
	sort = func(lo, hi, depth int) {
		for hi-lo > 15 {
			if depth < 0 {
				break // NumPy turns to heapsort here, which real predictions do not reach; insertion below is right, if slow
			}
			mid := lo + (hi-lo)>>1
			if v[a[mid]] < v[a[lo]] {
				a[mid], a[lo] = a[lo], a[mid]
			}
			if v[a[hi]] < v[a[mid]] {
				a[hi], a[mid] = a[mid], a[hi]
			}
			if v[a[mid]] < v[a[lo]] {
				a[mid], a[lo] = a[lo], a[mid]
			}
			pivot := v[a[mid]]
			i, j := lo, hi-1
			a[mid], a[j] = a[j], a[mid]
			for {
				for i++; v[a[i]] < pivot; i++ {
				}
				for j--; pivot < v[a[j]]; j-- {
				}
				if i >= j {
					break
				}
				a[i], a[j] = a[j], a[i]
			}
			a[i], a[hi-1] = a[hi-1], a[i]
			depth--
			sort(lo, i-1, depth)
			lo = i + 1
		}
		for i := lo + 1; i <= hi; i++ {
			x := a[i]
			j := i
			for j > lo && v[x] < v[a[j-1]] {
				a[j] = a[j-1]
				j--
			}
			a[j] = x
		}
	}
	sort(0, len(a)-1, 2*bits.Len(uint(len(a))))
	return a
}
