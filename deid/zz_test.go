package deid

import (
	"fmt"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
)

func meyer() *dicom.DataSet {
	ds := someone()
	ds.SetText(tag.PatientName, vr.PN, "Quastrel^Wilhelmine^Dora")
	ds.SetText(tag.PatientID, vr.LO, "AB-7654321")
	ds.SetText(tag.PatientBirthDate, vr.DA, "19310317")
	ds.SetText(tag.InstitutionName, vr.LO, "Zqmercy Clinic")
	ds.SetText(0x00101000, vr.LO, "55512")
	return ds
}

func TestZZ(t *testing.T) {
	pr := compiled(t, "research")
	id := pr.collect(testKey, meyer())
	for _, in := range []string{
		"US ABD for Mr Meyer", "for Mr Long", "for Mrs Long", "Mr White chest", "MR LONG AXIS", "born 1931", "14MAR2019", "MAR142019", "2019-Mar-14", "12 mars 2019", "12 de marzo de 2019", "1960年3月14日", "昭和6年3月17日",
		"17.03.31", "170331", "310317", "031731", "17/3/31", "3-17-31", "17 III 1931", "17 Março 1931", "17 марта 1931", "17 mrt 1931", "17 Ağustos 1931", "scan_2019-03-14_x", "DOB19310317", "DOB:17Mar31", "19310317T120000",
		"92F", "92 y.o. F", "92-year-old", "aged 92", "age: 92", "92M chest", "92 ans", "92 anos", "92 años", "92 anni", "92岁", "92歳", "92 лет", "ninety two year old", "95Y", "095Y", "1100 months old",
		"tel 555.123.4567", "5551234567", "(555)123-4567", "+49 30 1234567", "0049-30-1234567", "030/1234567", "555 1234", "555-1234", "x 5 5 5 1 2 3 4 5 6 7", "555.1234",
		"QuastrelW", "WilhelmineQuastrel", "wquastrel", "Quastrel1", "W.D.Q.", "W. D. Q.", "WDQ", "QW", "W-Q", "W Q", "q.w.", "Qua-strel", "Q u a s t r e l", "QUASTREL_CHEST", "lertsauQ", "Qúàstrèl", "Quastrels", "Quastrel's",
		"7654321", "7 654 321", "7.654.321", "76-54-321", "AB7654321", "ab 7654321", "007654321", "55512", "555 12", "55-512", "SSN 123-45-6789", "123456789", "id:12", "MRN#4711", "Room 4711", "NHS 943 476 5919",
		"pacs.zqcity.org/x", "x@y.z", "10.12.13.144", "fe80::1ff:fe23:4567:890a", "00:1B:44:11:3A:B7", "C:\\Users\\meyer\\x", "/home/meyer/x.dcm", "\\\\srv\\share\\meyer", "uid_1.2.826.0.1.3680043.2.1", "UID1.2.826.0.1.3680043.2.1", "1.2.826.0.1.3680043.2.1.", "2.25.123456789012345678901234567890",
		"12 Oak Street", "Oak Street 12", "Hauptstr. 5", "Am Markt 5", "PO Box 123", "Springfield, IL 62704", "London SW1A 1AA", "10115 Berlin",
		"山田 chest", "\x1b$B;3ED\x1b(B chest", "Иванов chest", "محمد", "สมชาย", "김민수",
		"Dr Head", "Head^Dr", "Dr. med. Long", "Rose", "Nurse Joy", "signed: ABC", "reader initials XYZ", "technologist: jd", "Smith fracture", "Down syndrome",
		"S. Long", "Long, S.", "Mary", "Grace", "hospital of St Mary", "Mercy", "Zqmercy", "JOHN", "O'Neill", "van der Berg", "de la Cruz", "Mc Donald",
	} {
		fmt.Printf("%-34q free %-34q tech %-34q verb %-30q code %q\n", in, pr.cleanText(testKey, id, in, freeText), pr.cleanText(testKey, id, in, technical), pr.cleanText(testKey, id, in, verbatim), pr.cleanCode(testKey, id, in))
	}
	_ = dicom.NewDataSet
}
