package dicom

import "io"

// reader is a window over a source. Slices that it hands out stay valid, unless reuse is set: small values are kept as slices of the
// windows that held their headers.
type reader struct {
	src   *source
	buf   []byte
	base  int64 // offset of buf in src
	step  int64 // size of the next window
	reuse bool
	lent  bool  // buf is the source's own memory
	err   error // the first error of the source other than its end
}

const (
	firstWindow = 64 << 10
	maxWindow   = 256 << 10
	jumpWindow  = 4 << 10
)

// at is want bytes at off, fewer where the source ends, and more than none only if need of them are there. Windows grow while reading goes
// on and shrink after a jump, so that hopping from fragment to fragment reads little.
func (r *reader) at(off int64, need, want int64) []byte {
	if i := off - r.base; i >= 0 && i+need <= int64(len(r.buf)) {
		return r.buf[i:min(i+want, int64(len(r.buf)))]
	}
	left := r.src.size - off
	if left < need || off < 0 {
		if left <= 0 || off < 0 {
			return nil
		}
		need = left
	}
	if b := r.src.lent(off, min(left, maxWindow)); int64(len(b)) >= need {
		r.buf, r.base, r.lent = b, off, true
		return b[:min(want, int64(len(b)))]
	}
	switch end := r.base + int64(len(r.buf)); {
	case r.step == 0:
		r.step = firstWindow
		if r.reuse {
			r.step = jumpWindow
		}
	case off > end || off < r.base:
		r.step = jumpWindow
	default:
		r.step = min(2*r.step, maxWindow)
	}
	n := min(max(r.step, want), left)
	if !r.reuse || r.lent || int64(cap(r.buf)) < n {
		r.buf, r.lent = make([]byte, n), false
	}
	got, err := r.src.r.ReadAt(r.buf[:n], off)
	if err != nil && err != io.EOF && r.err == nil {
		r.err = err
	}
	r.buf, r.base = r.buf[:got], off
	return r.buf[:min(want, int64(got))]
}
