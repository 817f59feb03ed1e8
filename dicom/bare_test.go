package dicom_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/testdata"
)

// TestBareDataSet: written bare and read back in every encoding.
func TestBareDataSet(t *testing.T) {
	ds := dicom.NewDataSet()
	ds.SetString(tag.PatientName, "Müller^Änne")
	ds.SetString(tag.QueryRetrieveLevel, "STUDY")
	ds.SetInts(tag.Rows, 512)
	for _, ts := range []dicom.TransferSyntax{uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.DeflatedExplicitVRLittleEndian} {
		var b bytes.Buffer
		if err := dicom.WriteDataSet(&b, ds, ts); err != nil {
			t.Fatal(err)
		}
		f, err := dicom.ReadDataSet(bytes.NewReader(b.Bytes()), int64(b.Len()), ts, dicom.Strict())
		if err != nil || f.DataSet.String(tag.PatientName) != "Müller^Änne" || f.TransferSyntax != ts || len(f.Warnings) != 0 {
			t.Errorf("%s: %v %v", ts.Name(), err, f.Warnings)
			continue
		}
		if n, _ := f.DataSet.Int(tag.Rows); n != 512 {
			t.Errorf("%s: %d rows", ts.Name(), n)
		}
		var again bytes.Buffer
		if err := f.WriteBody(&again); err != nil || !bytes.Equal(again.Bytes(), b.Bytes()) {
			t.Errorf("%s: written again with other bytes, %v", ts.Name(), err)
		}
	}
	if f, err := dicom.ReadDataSet(bytes.NewReader(nil), 0, uid.ImplicitVRLittleEndian); err != nil || f.DataSet.Len() != 0 {
		t.Errorf("no bytes: %v", err)
	}
	if _, err := dicom.ReadDataSet(bytes.NewReader([]byte{1, 2, 3}), 3, uid.ImplicitVRLittleEndian, dicom.Strict()); fault.CodeOf(err) != fault.Input {
		t.Errorf("three bytes: %v", err)
	}
	bad := dicom.NewDataSet()
	bad.SetString(tag.Rows, "many")
	if err := dicom.WriteDataSet(&bytes.Buffer{}, bad, uid.ImplicitVRLittleEndian); err == nil {
		t.Error("a value that can't be stored was written")
	}
}

// TestWriteBody: the body of a file is the file from its data set on; the corpus has every encoding.
func TestWriteBody(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(testdata.SharedRoot(t), "data", "dicom", "real", "pydicom", "test_files", "*.dcm"))
	if len(files) == 0 {
		t.Skip("the DICOM corpus is not here")
	}
	for _, path := range files {
		f, err := dicom.Open(path)
		if err != nil {
			continue
		}
		var body, whole bytes.Buffer
		err = f.WriteBody(&body)
		if f.Incomplete != nil {
			if fault.CodeOf(err) != fault.Input {
				t.Errorf("%s: a file cut short: %v", filepath.Base(path), err)
			}
		} else if err != nil {
			t.Errorf("%s: %v", filepath.Base(path), err)
		} else if err := f.Write(&whole); err != nil || len(f.Warnings) == 0 && !bytes.HasSuffix(whole.Bytes(), body.Bytes()) {
			t.Errorf("%s: the body is not the end of the file, %v", filepath.Base(path), err)
		}
		f.Close()
	}
}
