package batch

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

// write makes the object's file, under a name that nobody looks at, and holds it against what must not be in it. why says why it must not go out.
//
// Where pixel data are native, or there are none, everything else is in memory, and is read back and searched there before a byte is written: what is checked
// is what is written. In the other cases the file itself is read back.
func (o *object) write(ctx context.Context, f *dicom.File, res *deid.Result, b *bulk) (why string, err error) {
	out, ts := res.DataSet, f.TransferSyntax
	if b != nil {
		ts = b.ts
	}
	out.Delete(tag.ExtendedOffsetTable, tag.ExtendedOffsetTableLengths) // written anew, or not needed
	o.sop = out.String(tag.SOPInstanceUID)
	o.folder = filepath.Join(short(o.Key, "patient", res.PatientCode()), short(o.Key, "study", out.String(tag.StudyInstanceUID)), short(o.Key, "series", out.String(tag.SeriesInstanceUID)))
	o.head.Reset()
	o.tail.Reset()
	if ts.IsDeflated() || b != nil && b.elem.Tag != tag.PixelData {
		if why, err = o.create(); err == nil && why == "" {
			why, err = o.writeWhole(ctx, out, ts, b)
		}
		return o.check(res, why, err)
	}
	if why = o.split(out, ts, b); why != "" {
		return why, nil
	}
	switch {
	case b == nil:
		return o.writeSmall(res)
	case !ts.IsEncapsulated() && b.fresh == nil:
		return o.writeNative(ctx, res, b)
	}
	if why, err = o.create(); err == nil && why == "" {
		if ts.IsEncapsulated() {
			why, err = b.writeFrames(ctx, o.temp, o.head.Bytes())
		} else {
			why, err = o.writeFresh(ctx, b)
		}
		if err == nil && why == "" {
			err = o.temp.write(o.tail.Bytes())
		}
	}
	return o.check(res, why, err)
}

// create makes the temporary file.
func (o *object) create() (why string, err error) {
	dir := filepath.Join(o.Out, StateDir, "tmp")
	if err := o.mkdir(dir); err != nil {
		return "", err
	}
	o.temp, err = createOutput(filepath.Join(dir, fmt.Sprintf("%d-%d", os.Getpid(), tempNumber.Add(1))))
	return "", wrap(err)
}

// check reads the written file again, searches it, and computes both digests.
func (o *object) check(res *deid.Result, why string, err error) (string, error) {
	if err != nil || why != "" {
		return why, wrap(err)
	}
	if why := o.verify(res, o.temp, o.temp.n); why != "" {
		return why, nil
	}
	return "", wrap(o.digest())
}

// verify says what is wrong with an output.
func (o *object) verify(res *deid.Result, r io.ReaderAt, size int64) (why string) {
	back, err := dicom.Read(r, size)
	if err != nil {
		return "the output can't be read"
	}
	if err := o.Profile.Verify(o.Key, res, back); err != nil {
		return "verification: " + err.Error()
	}
	return ""
}

// digest hashes input and output side by side, as they are on disk now.
func (o *object) digest() error {
	half := len(o.chunk) / 2
	for at := int64(0); o.hashed < o.in.size || at < o.temp.n; {
		one, err := o.part(o.hashed, min(int64(half), o.in.size-o.hashed), o.chunk[:half])
		if err != nil {
			return changed(err)
		}
		two := o.chunk[half:][:min(int64(half), o.temp.n-at)]
		if _, err := o.temp.ReadAt(two, at); err != nil {
			return err
		}
		o.pair.Both(one, two)
		o.hashed, at = o.hashed+int64(len(one)), at+int64(len(two))
	}
	return nil
}

func changed(err error) error {
	return fault.New(fault.Input, "the input changed while it was read: %w", pathless(err))
}

const maxInflated = 128 << 20

// writeWhole writes objects whose data set goes through memory: deflated ones, and pixel data of floats.
func (o *object) writeWhole(ctx context.Context, out *dicom.DataSet, ts dicom.TransferSyntax, b *bulk) (string, error) {
	switch {
	case b == nil:
	case b.fresh != nil:
		var raw []byte
		for i := range b.fresh.Frames {
			frame, err := b.fresh.Frame(ctx, i)
			if err != nil {
				return unmade(ctx), ctx.Err()
			}
			if raw = append(raw, frame...); len(raw) > maxInflated {
				return "deflated pixel data of more than 128 MiB", nil
			}
		}
		out.SetBytes(tag.PixelData, b.pixelVR(), raw)
	case b.elem.Fragments() != nil:
		return "pixel data of a form that this transfer syntax does not have", nil
	default:
		raw, err := b.elem.Bytes()
		if err != nil || int64(len(raw)) < b.length {
			return "the pixel data can't be read", nil
		}
		raw = bytes.Clone(raw[:b.length])
		if b.masks != nil {
			b.masks.apply(raw)
		}
		v := b.elem.Kind()
		if b.elem.BigEndian() {
			return "floating point pixels in big endian", nil
		}
		out.SetBytes(b.elem.Tag, v, raw)
	}
	return "", dicom.Write(o.temp, out, dicom.WriteOptions{TransferSyntaxUID: string(ts)})
}

// split writes what comes before the pixel data to o.head, and what comes after to o.tail.
func (o *object) split(out *dicom.DataSet, ts dicom.TransferSyntax, b *bulk) (why string) {
	var tail *dicom.DataSet
	for e := range out.All() {
		if e.Tag <= tag.PixelData || b == nil {
			continue
		}
		if tail == nil {
			tail = dicom.NewDataSet()
		}
		if e.IsSequence() {
			tail.SetSequence(e.Tag, e.Items()...)
		} else if raw, err := e.Bytes(); err == nil {
			tail.SetBytes(e.Tag, e.VR, raw)
		}
	}
	if tail != nil {
		for e := range tail.All() {
			out.Delete(e.Tag)
		}
		if dicom.WriteBody(&o.tail, tail, ts) != nil {
			return "the header can't be written"
		}
	}
	if dicom.Write(&o.head, out, dicom.WriteOptions{TransferSyntaxUID: string(ts)}) != nil {
		return "the header can't be written"
	}
	return ""
}

// pixelVR is the VR of native pixel data in an explicit syntax.
func (b *bulk) pixelVR() vr.VR {
	if b.image.BitsAllocated <= 8 && b.elem.VR == vr.OB {
		return vr.OB
	}
	return vr.OW
}

// writeSmall writes an object without pixel data.
func (o *object) writeSmall(res *deid.Result) (why string, err error) {
	head := o.head.Bytes()
	if why := o.verify(res, &assembled{head: head}, int64(len(head))); why != "" {
		return why, nil
	}
	if why, err := o.create(); err != nil || why != "" {
		return why, err
	}
	o.pair.Two(head)
	return "", wrap(o.temp.write(head))
}

// writeFresh writes native pixel data that a masker made.
func (o *object) writeFresh(ctx context.Context, b *bulk) (string, error) {
	var total int64 = -1
	for i := range b.fresh.Frames {
		raw, err := b.fresh.Frame(ctx, i)
		if err != nil {
			return unmade(ctx), ctx.Err()
		}
		if total < 0 {
			total = int64(len(raw)) * int64(b.fresh.Frames)
			if b.image.BitsAllocated == 1 && b.fresh.Frames > 1 {
				return "frames of single bits can't be masked one by one", nil
			}
			if total > maxItem {
				return "pixel data of more than 4 GiB", nil
			}
			o.head.Write(header(b.ts, tag.PixelData, b.pixelVR(), uint32(total+total&1)))
			o.temp.reserve(int64(o.head.Len()) + total + total&1 + int64(o.tail.Len()))
			if err := o.temp.write(o.head.Bytes()); err != nil {
				return "", err
			}
		}
		if int64(len(raw))*int64(b.fresh.Frames) != total {
			return "masked frames of different sizes", nil
		}
		if err := o.temp.write(raw); err != nil {
			return "", err
		}
	}
	if total&1 == 1 {
		return "", o.temp.write([]byte{0})
	}
	return "", nil
}
