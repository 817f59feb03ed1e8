package batch

import (
	"strings"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/deid/escrow"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
)

// deposit notes what the pseudonyms of an object stand for.
func deposit(b *escrow.Book, pr *deid.Profile, k *deid.Key, in *dicom.DataSet) {
	res, err := pr.Deidentify(k, in)
	if err != nil || res.DataSet == nil {
		return
	}
	depositResult(b, k, in, res)
}

func depositResult(b *escrow.Book, k *deid.Key, in *dicom.DataSet, res *deid.Result) {
	b.Add(escrow.Entry{Kind: "patient", Code: res.PatientCode(), Original: strings.TrimSpace(in.String(tag.PatientID)), Name: in.String(tag.PatientName), Days: res.ShiftDays(), Key: k.ID})
	for kind, t := range map[string]tag.Tag{"study": tag.StudyInstanceUID, "accession": tag.AccessionNumber} {
		if was, is := in.String(t), res.DataSet.String(t); was != "" && is != "" && was != is {
			b.Add(escrow.Entry{Kind: kind, Code: is, Original: was, Key: k.ID})
		}
	}
}
