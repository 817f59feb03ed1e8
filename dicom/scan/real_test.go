package scan

import (
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/testdata"
)

// TestRealHeaders asks files whose contrast is known from elsewhere: the name of the series in the data set they come from, or the makers'
// sequence.
func TestRealHeaders(t *testing.T) {
	root := testdata.Shared(t, "data", "dicom", "real")
	for file, want := range map[string]string{
		"pydicom/test_files/MR_small.dcm":                  "T2", // SE, TR 4000, TE 240
		"pydicom-data/emri_small.dcm":                      "T1",
		"dcm_qa_frag/In/5001_anat-T1w_acq-tfl/5001003.dcm": "T1",
		"example-dicom-structural/dicoms/N2D_0001.dcm":     "T1",
		"fo-dicom/GH1146.dcm":                              "T1",
	} {
		f, err := dicom.Open(root+"/"+file, dicom.StopBefore(tag.PixelData))
		if err != nil {
			t.Error(err)
			continue
		}
		if got, rule, _ := MRContrast(f.DataSet); got != want {
			t.Errorf("%s: %s by %s, want %s", file, got, rule, want)
		}
		f.Close()
	}
}
