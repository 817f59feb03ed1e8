package batch

import (
	"context"
	"io"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// assembled is an output that is not written yet: a head and a tail in memory, and between them pixel data that still lie in the input.
type assembled struct {
	head, tail []byte
	in         io.ReaderAt
	at, n      int64 // the pixel data with their pad: where in the input, how many bytes
}

func (a *assembled) size() int64 { return int64(len(a.head)) + a.n + int64(len(a.tail)) }

// Lend implements [dicom.Lender].
func (a *assembled) Lend(off, n int64) []byte {
	part := a.head
	if off -= int64(len(a.head)) + a.n; off >= 0 {
		part = a.tail
	} else if off += a.n; off >= 0 {
		return nil
	} else {
		off += int64(len(a.head))
	}
	if off < 0 || off >= int64(len(part)) {
		return nil
	}
	return part[off:min(off+n, int64(len(part)))]
}

// ReadAt implements [io.ReaderAt]. Of the pixel data it gives what the input has: they are not searched.
func (a *assembled) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		if b := a.Lend(off, int64(len(p)-n)); len(b) > 0 {
			copy(p[n:], b)
			n, off = n+len(b), off+int64(len(b))
			continue
		}
		i := off - int64(len(a.head))
		if i < 0 || i >= a.n {
			return n, io.EOF
		}
		m, err := a.in.ReadAt(p[n:][:min(int64(len(p)-n), a.n-i)], a.at+i)
		n, off = n+m, off+int64(m)
		if err != nil && (err != io.EOF || m == 0) {
			return n, err
		}
	}
	return n, nil
}

// writeNative writes an object with native pixel data, which go from the input to the output as they are. Each part of them is read once, and both digests are
// made while it is in the processor's cache.
//
// The bytes pass through this process because they must be hashed. Writing them from here, into room that was reserved, takes less than half of the time
// that the kernel needs to move them between the files (copy_file_range): it takes them in larger pages.
func (o *object) writeNative(ctx context.Context, res *deid.Result, b *bulk) (why string, err error) {
	pad := b.length & 1
	if b.length+pad > maxItem {
		return "", fault.New(fault.Input, "pixel data of more than 4 GiB")
	}
	o.head.Write(header(b.ts, tag.PixelData, b.pixelVR(), uint32(b.length+pad)))
	head, tail := o.head.Bytes(), o.tail.Bytes()
	at, left := b.elem.Offset(), b.length
	all := &assembled{head: head, tail: tail, in: o.in, at: at, n: b.length + pad}
	if why := o.verify(res, all, all.size()); why != "" {
		return why, nil
	}
	if why, err := o.create(); err != nil || why != "" {
		return why, err
	}
	o.temp.reserve(all.size())
	if err := o.hashTo(at); err != nil {
		return "", changed(err)
	}
	o.pair.Two(head)
	if pad == 1 {
		tail = append([]byte{0}, tail...)
	}
	for first := true; first || left > 0; first = false {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		var in, out []byte
		if left > 0 {
			if in, out, err = o.next(b, at, left); err != nil {
				return "", changed(err)
			}
		}
		o.pair.Both(in, out)
		at, left = at+int64(len(in)), left-int64(len(in))
		o.hashed = at
		parts := [][]byte{nil, out, nil}
		if first {
			parts[0] = head
		}
		if left == 0 {
			o.pair.Two(tail)
			parts[2] = tail
		}
		if err := o.temp.write(parts...); err != nil {
			return "", wrap(err)
		}
	}
	return "", nil
}

// next is a part of the pixel data as it comes in and as it goes out.
func (o *object) next(b *bulk, at, left int64) (in, out []byte, err error) {
	if b.masks == nil && b.blank == 0 {
		in, err = o.part(at, left, o.chunk)
		return in, in, err
	}
	half := len(o.chunk) / 2 // an even number: words are not cut
	in = o.chunk[:min(int64(half), left)]
	if _, err := o.in.ReadAt(in, at); err != nil {
		return nil, nil, err
	}
	out = o.chunk[half:][:len(in)]
	copy(out, in)
	if b.masks != nil {
		b.masks.apply(out)
	}
	if i := b.blank - (b.length - left); b.blank > 0 && i >= 0 && i < int64(len(out)) {
		out[i] = 0
	}
	return in, out, nil
}
