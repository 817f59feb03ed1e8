package dicom

import "io"

// WriteBody writes the elements of ds alone, without preamble and meta header, in the encoding of ts; never deflated.
func WriteBody(w io.Writer, ds *DataSet, ts TransferSyntax) error {
	if err := ds.Err(); err != nil {
		return err
	}
	enc := &encoder{w: w, implicit: ts.IsImplicit(), big: ts.IsBigEndian()}
	enc.set(ds)
	return enc.err
}
