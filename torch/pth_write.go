package torch

import (
	"archive/zip"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"strconv"
)

// pthAlign is where torch.save starts each storage in the file, so that it can be mapped.
const pthAlign = 64

// WritePTH writes a state dict that torch.load reads, also with weights_only. Names are in sorted order, so equal content gives
// equal bytes. The file appears under its name only when it is whole and on disk.
func WritePTH(path string, tensors map[string]Array) error {
	return writeAtomically(path, func(w io.Writer) error { return writePTH(w, tensors) })
}

func writePTH(w io.Writer, tensors map[string]Array) error {
	names := sortedKeys(tensors)
	for _, name := range names {
		if err := tensors[name].check(); err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
	}
	count := &countingWriter{w: w}
	archive := zip.NewWriter(count)
	put := func(name string, data []byte) error {
		// Flushing makes count the place where the member's header starts.
		if err := archive.Flush(); err != nil {
			return err
		}
		header := &zip.FileHeader{Name: "archive/" + name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(data),
			CompressedSize64: uint64(len(data)), UncompressedSize64: uint64(len(data))}
		// torch pads with an extra field "FB" of zeros up to the alignment.
		const fixed, extra = 30, 4
		padding := (pthAlign - (count.n+fixed+extra+len(header.Name))%pthAlign) % pthAlign
		header.Extra = binary.LittleEndian.AppendUint16([]byte("FB"), uint16(padding))
		header.Extra = append(header.Extra, make([]byte, padding)...)
		member, err := archive.CreateRaw(header)
		if err != nil {
			return err
		}
		_, err = member.Write(data)
		return err
	}
	if err := put("data.pkl", pickleStateDict(names, tensors)); err != nil {
		return err
	}
	if err := put("byteorder", []byte("little")); err != nil {
		return err
	}
	for i, name := range names {
		if err := put("data/"+strconv.Itoa(i), tensors[name].Data); err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
	}
	if err := put("version", []byte("3\n")); err != nil {
		return err
	}
	return archive.Close()
}

type countingWriter struct {
	w io.Writer
	n int
}

func (c *countingWriter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += n
	return n, err
}

// pickleStateDict writes, in protocol 2, an OrderedDict of tensors whose storages are numbered in the order of names.
func pickleStateDict(names []string, tensors map[string]Array) []byte {
	var p pickler
	p.raw("\x80\x02")
	p.orderedDict()
	p.raw("(")
	for i, name := range names {
		a := tensors[name]
		p.str(name)
		p.raw("ctorch._utils\n_rebuild_tensor_v2\n(")
		p.raw("(")
		p.str("storage")
		p.raw("ctorch\n" + dtypes[a.DType].storage + "\n")
		p.str(strconv.Itoa(i))
		p.str("cpu")
		p.int(int64(a.Numel()))
		p.raw("tQ")
		p.int(0)
		stride, n := make([]int64, len(a.Shape)), int64(1)
		for d := len(a.Shape) - 1; d >= 0; d-- {
			stride[d] = n
			n *= max(a.Shape[d], 1)
		}
		p.ints(a.Shape)
		p.ints(stride)
		p.raw("\x89") // requires_grad=False
		p.orderedDict()
		p.raw("tR")
	}
	p.raw("u.")
	return p.out
}

type pickler struct{ out []byte }

func (p *pickler) raw(s string) { p.out = append(p.out, s...) }
func (p *pickler) orderedDict() { p.raw("ccollections\nOrderedDict\n)R") }
func (p *pickler) str(s string) {
	p.out = binary.LittleEndian.AppendUint32(append(p.out, 'X'), uint32(len(s)))
	p.raw(s)
}
func (p *pickler) ints(v []int64) {
	p.raw("(")
	for _, n := range v {
		p.int(n)
	}
	p.raw("t")
}

// int writes a four-byte integer, or an eight-byte long where that is too small.
func (p *pickler) int(n int64) {
	if n >= math.MinInt32 && n <= math.MaxInt32 {
		p.out = binary.LittleEndian.AppendUint32(append(p.out, 'J'), uint32(n))
		return
	}
	p.out = binary.LittleEndian.AppendUint64(append(p.out, 0x8a, 8), uint64(n))
}
