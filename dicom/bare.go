package dicom

import (
	"io"

	"github.com/cineloop/cineloop/internal/fault"
)

// ReadDataSet reads the headers of a bare data set in a transfer syntax that is known, as messages on the network carry it. One of no
// bytes is an empty data set.
func ReadDataSet(r io.ReaderAt, size int64, ts TransferSyntax, opts ...Option) (*File, error) {
	opt := options{maxElements: 2_000_000, maxInflated: 128 << 20}
	for _, o := range opts {
		o(&opt)
	}
	f := &File{raw: &source{r, size}, TransferSyntax: ts}
	f.Meta = &DataSet{src: f.raw, head: -1}
	if size == 0 {
		f.DataSet = &DataSet{src: f.raw, head: -1, implicit: ts.IsImplicit(), big: ts.IsBigEndian()}
		return f, nil
	}
	err := f.readDataSet(&scanner{reader: reader{src: f.raw}, f: f, opt: opt})
	if err != nil {
		f.incomplete(err)
	}
	if f.Incomplete != nil && (opt.strict || f.DataSet.Len() == 0) {
		return nil, f.Incomplete
	}
	return f, nil
}

// WriteDataSet writes ds bare, without preamble and meta header.
func WriteDataSet(w io.Writer, ds *DataSet, ts TransferSyntax) error {
	if err := ds.Err(); err != nil {
		return err
	}
	if err := checkPixelData(ds, ts); err != nil {
		return err
	}
	return writeBody(w, ds, ts)
}

// WriteBody writes the file's data set bare, byte for byte as the file has it; a file whose data set is not encoded as its transfer
// syntax says, or was changed, is encoded again.
func (f *File) WriteBody(w io.Writer) error {
	switch {
	case f.Incomplete != nil:
		return fault.New(fault.Input, "a file whose end was not read can't be sent: %w", f.Incomplete)
	case f.DataSet.Changed(), f.DataSet.implicit != f.TransferSyntax.IsImplicit(), f.DataSet.big != f.TransferSyntax.IsBigEndian():
		return WriteDataSet(w, f.DataSet, f.TransferSyntax)
	}
	n, err := io.Copy(w, io.NewSectionReader(f.raw.r, f.dataAt, f.raw.size-f.dataAt))
	if err == nil && n != f.raw.size-f.dataAt {
		err = fault.New(fault.Input, "the source gave %d of %d bytes", n, f.raw.size-f.dataAt)
	}
	return err
}
