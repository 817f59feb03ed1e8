package phantom

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"
)

// npyArray is one array of an npz file.
type npyArray struct {
	name  string
	dtype string // |u1 or <f4
	shape []int
	data  []byte // little endian
}

// float32Bytes is v in little endian.
func float32Bytes(v []float64) []byte {
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(x)))
	}
	return b
}

// writeNPZ writes arrays as NumPy's compressed npz: a zip of npy files (format 1.0), without times.
func writeNPZ(w io.Writer, arrays []npyArray) error {
	z := zip.NewWriter(w)
	for _, a := range arrays {
		f, err := z.CreateHeader(&zip.FileHeader{Name: a.name + ".npy", Method: zip.Deflate})
		if err != nil {
			return err
		}
		shape := strings.Trim(strings.ReplaceAll(fmt.Sprint(a.shape), " ", ", "), "[]")
		if len(a.shape) == 1 {
			shape += ","
		}
		head := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", a.dtype, shape)
		head += strings.Repeat(" ", 63-(10+len(head))%64) + "\n"
		var b bytes.Buffer
		b.WriteString("\x93NUMPY\x01\x00")
		b.Write(binary.LittleEndian.AppendUint16(nil, uint16(len(head))))
		b.WriteString(head)
		if _, err := f.Write(b.Bytes()); err != nil {
			return err
		}
		if _, err := f.Write(a.data); err != nil {
			return err
		}
	}
	return z.Close()
}

// writeAVI writes frames as a motion JPEG AVI with an index (Microsoft AVI RIFF file reference).
func writeAVI(w io.Writer, frames [][]byte, h, width int, fps float64) error {
	var movi bytes.Buffer
	movi.WriteString("movi")
	var index []byte
	largest := 0
	le := binary.LittleEndian
	for _, f := range frames {
		index = append(index, "00dc"...)
		index = le.AppendUint32(index, 0x10)
		index = le.AppendUint32(index, uint32(movi.Len()))
		index = le.AppendUint32(index, uint32(len(f)))
		movi.WriteString("00dc")
		movi.Write(le.AppendUint32(nil, uint32(len(f))))
		movi.Write(f)
		if len(f)%2 == 1 {
			movi.WriteByte(0)
		}
		largest = max(largest, len(f))
	}
	words := func(v ...uint32) []byte {
		var b []byte
		for _, x := range v {
			b = le.AppendUint32(b, x)
		}
		return b
	}
	chunk := func(id string, data ...[]byte) []byte {
		body := bytes.Join(data, nil)
		b := append([]byte(id), words(uint32(len(body)))...)
		return append(b, body...)
	}
	const perSecond = 1000000
	n, rate := uint32(len(frames)), uint32(math.Round(fps*1000))
	avih := chunk("avih", words(uint32(math.Round(perSecond/fps)), uint32(float64(largest)*fps), 0, 0x10, n, 0, 1, uint32(largest), uint32(width), uint32(h), 0, 0, 0, 0))
	strh := chunk("strh", []byte("vidsMJPG"), words(0, 0, 0, 1000, rate, 0, n, uint32(largest), math.MaxUint32, 0, 0, uint32(width)|uint32(h)<<16))
	strf := chunk("strf", words(40, uint32(width), uint32(h), 1|24<<16), []byte("MJPG"), words(uint32(3*width*h), 0, 0, 0, 0))
	hdrl := chunk("LIST", []byte("hdrl"), avih, chunk("LIST", []byte("strl"), strh, strf))
	body := [][]byte{[]byte("AVI "), hdrl, chunk("LIST", movi.Bytes()), chunk("idx1", index)}
	_, err := w.Write(chunk("RIFF", body...))
	return err
}
