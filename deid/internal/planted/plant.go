package planted

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
)

// Set is a planted set on disk, and what was planted.
type Set struct {
	*maker
	Objects map[string]*Object // by the SHA-256 of the input file
	UIDs    map[string]string  // every original UID of an instance, and where it stood
	Files   int
	// Profile is what the output was made by: what its options keep is no leak. Nil keeps nothing.
	Profile *deid.Profile
	Skipped []string // files that could not be written with what was planted
	Full    bool     // the policy keeps dates as they are
	Dates   bool     // the policy keeps dates, moved

	byStart map[[4]byte][]string
}

// Object is one planted file as it was before it goes through a de-identifier.
type Object struct {
	Source   string
	Patient  int
	DataSet  *dicom.File
	Pixels   string // digest of the decoded frames; "" where there are none or they can't be decoded
	Instance string
	raw      []byte
}

// Plant copies the DICOM files under src into dst with identities of so many patients planted in them.
func Plant(src, dst string, seed uint64, patients int) (*Set, error) {
	s := &Set{maker: newMaker(seed), Objects: map[string]*Object{}, UIDs: map[string]string{}}
	people := make([]person, patients)
	for i := range people {
		people[i] = s.person()
	}
	n := 0
	err := filepath.WalkDir(src, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f, err := dicom.ReadBytes(raw)
		if err == nil && f.Incomplete == nil && f.DataSet.Has(tag.DirectoryRecordSequence) {
			n++
			return s.directory(f, filepath.Join(dst, fmt.Sprintf("%d", n), "DICOMDIR"), &people[n%patients])
		}
		if err != nil || f.Incomplete != nil || f.DataSet.String(tag.SOPClassUID) == "" || f.DataSet.String(tag.SOPInstanceUID) == "" {
			return nil
		}
		// Objects of one study stay with one patient.
		sum := sha256.Sum256([]byte(f.DataSet.String(tag.StudyInstanceUID)))
		who := int(sum[0])<<8 | int(sum[1])
		who %= patients
		n++
		return s.object(f, filepath.Join(dst, people[who].family, fmt.Sprintf("%s_%d.dcm", people[who].given, n)), path, who, &people[who])
	})
	if err != nil {
		return nil, err
	}
	if err := s.documents(dst, &people[0]); err != nil {
		return nil, err
	}
	return s, s.sideFiles(dst, &people[0])
}

// directory plants in the records of a DICOMDIR.
func (s *Set) directory(f *dicom.File, path string, p *person) error {
	for _, item := range f.DataSet.Sequence(tag.DirectoryRecordSequence) {
		item.SetText(tag.PatientName, vr.PN, p.family+"^"+p.given)
		item.SetText(tag.StudyDescription, vr.LO, s.word("directory record"))
	}
	var out bytes.Buffer
	if err := dicom.Write(&out, f.DataSet, dicom.WriteOptions{TransferSyntaxUID: string(f.TransferSyntax)}); err != nil {
		return nil
	}
	s.Files++
	return put(path, out.Bytes())
}

// documents are encapsulated documents and a sound recording: objects that must not go out whatever is removed.
func (s *Set) documents(dst string, p *person) error {
	for i, class := range []string{uid.EncapsulatedPDFStorage, uid.EncapsulatedCDAStorage, uid.EncapsulatedSTLStorage, uid.BasicVoiceAudioWaveformStorage, uid.RawDataStorage} {
		ds := dicom.NewDataSet()
		ds.SetText(tag.SOPClassUID, vr.UI, class)
		ds.SetText(tag.SOPInstanceUID, vr.UI, fmt.Sprintf("1.2.826.0.1.3680043.8.%s.%d", p.id, i))
		ds.SetText(tag.StudyInstanceUID, vr.UI, "1.2.826.0.1.3680043.8."+p.id)
		ds.SetText(tag.SeriesInstanceUID, vr.UI, "1.2.826.0.1.3680043.9."+p.id)
		ds.SetText(tag.Modality, vr.CS, "DOC")
		s.header(ds, p)
		s.set(ds, tag.DocumentTitle, vr.ST, "document title", p)
		text := []byte("%PDF-1.4 " + s.word("document") + " " + p.family + " ")
		if i < 3 {
			ds.SetBytes(tag.EncapsulatedDocument, vr.OB, text)
		} else {
			item := dicom.NewDataSet()
			item.SetBytes(0x54001010, vr.OB, text)
			ds.SetSequence(0x54000100, item)
		}
		var out bytes.Buffer
		if err := dicom.Write(&out, ds, dicom.WriteOptions{}); err != nil {
			return err
		}
		s.Files++
		if err := put(filepath.Join(dst, p.given+fmt.Sprintf("_doc%d.dcm", i)), out.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

func put(path string, raw []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, raw, 0o644)
}

// sideFiles are files that are no DICOM, as they lie beside images.
func (s *Set) sideFiles(dst string, p *person) error {
	s.Files += 3
	for name, text := range map[string]string{
		p.family + ".txt":               "Patient " + p.given + " " + p.family + " " + p.id,
		"worklist.csv":                  "name,id\n" + p.family + "," + p.id + "\n",
		"notes/" + p.given + "_ct.json": `{"PatientName":"` + p.family + `"}`,
	} {
		path := filepath.Join(dst, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (s *Set) object(f *dicom.File, path, source string, who int, p *person) error {
	ds := f.DataSet
	for _, e := range ds.Walk() {
		if e.Kind() == vr.UI {
			for _, u := range e.Strings() {
				if _, known := uid.Lookup(u); !known && len(u) > 8 && !strings.HasPrefix(u, "1.2.840.10008.") && !classTag[e.Tag] {
					s.UIDs[u] = e.Tag.String()
				}
			}
		}
	}
	s.header(ds, p)
	s.rows(ds, p)
	s.unlisted(ds, p)
	s.privates(ds, p)
	s.nested(ds, p)
	s.graphics(ds, p)
	s.report(ds, p)
	s.shapes(ds, p)
	var out bytes.Buffer
	if err := s.write(&out, f); err != nil {
		s.Skipped = append(s.Skipped, source+": "+err.Error())
		return nil // a file that can't be written anew is not planted
	}
	raw := out.Bytes()
	copy(raw[8:], s.word("preamble"))
	if s.rng.IntN(2) == 0 && !f.TransferSyntax.IsDeflated() {
		raw = append(raw, 0xFC, 0xFF, 0xFC, 0xFF) // Data Set Trailing Padding
		text := s.word("trailing padding") + " " + p.family
		if len(text)%2 == 1 {
			text += " "
		}
		if f.TransferSyntax.IsBigEndian() {
			raw = append(raw[:len(raw)-4], 0xFF, 0xFC, 0xFF, 0xFC)
		}
		if !f.TransferSyntax.IsImplicit() {
			raw = append(raw, 'O', 'B', 0, 0)
		}
		if f.TransferSyntax.IsBigEndian() {
			raw = append(raw, 0, 0, 0, byte(len(text)))
		} else {
			raw = append(raw, byte(len(text)), 0, 0, 0)
		}
		raw = append(raw, text...)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		return err
	}
	s.Files++
	back, err := dicom.ReadBytes(raw)
	if err != nil {
		return nil
	}
	sum := sha256.Sum256(raw)
	o := &Object{Source: source, Patient: who, DataSet: back, Instance: back.DataSet.String(tag.SOPInstanceUID), raw: raw}
	if d, partial, err := pixel.Digest(back); err == nil && partial == nil && !overlayInPixels(back.DataSet) {
		o.Pixels = d
	}
	s.Objects[hex.EncodeToString(sum[:])] = o
	return nil
}

var classTag = map[tag.Tag]bool{tag.SOPClassUID: true, tag.ReferencedSOPClassUID: true, 0x0008010C: true, 0x0008010D: true, 0x00080117: true, 0x00080118: true, 0x0008001A: true, 0x0008001B: true,
	0x00083002: true, 0x04000010: true, 0x00080062: true, 0x30100052: true, 0x30100053: true}

// header plants the patient.
func (s *Set) header(ds *dicom.DataSet, p *person) {
	ds.SetText(tag.PatientName, vr.PN, p.family+"^"+p.given+"^"+p.middle+"^Dr.^jr")
	ds.SetText(tag.PatientID, vr.LO, p.id)
	ds.SetText(tag.PatientBirthDate, vr.DA, p.birth.Format("20060102"))
	ds.SetText(tag.AccessionNumber, vr.SH, p.accession)
	ds.SetText(tag.PatientSex, vr.CS, []string{"M", "F"}[s.rng.IntN(2)])
	ds.SetText(tag.StudyDate, vr.DA, p.seen.AddDate(0, 0, s.rng.IntN(300)).Format("20060102"))
	ds.SetText(tag.OtherPatientIDs, vr.LO, s.number(9, tag.OtherPatientIDs.String()))
	ds.SetText(tag.ReferringPhysicianName, vr.PN, s.word("referring")+"^"+s.word("referring"))
	ds.SetText(tag.InstitutionName, vr.LO, s.word(tag.InstitutionName.String())+" General Hospital")
	for _, t := range []tag.Tag{tag.SeriesDescription, tag.StudyDescription, tag.ImageComments, tag.ProtocolName} {
		before := ds.String(t)
		if len(before) > 20 || strings.ContainsAny(before, "\\") {
			before = ""
		}
		text := strings.TrimSpace(before + " " + s.form(p))
		if len(text) > 60 {
			text = text[:60]
			// A number or word that is cut is another one: it is not asked for.
		}
		ds.SetBytes(t, t.VR(), []byte(text))
	}
}

// value is a planted value of a VR; ok is false for VRs that hold none.
func (s *Set) value(v vr.VR, where string, p *person) (string, bool) {
	switch v {
	case vr.PN:
		return s.word(where) + "^" + s.word(where), true
	case vr.LO, vr.UC:
		return s.word(where) + " " + s.form(p), true
	case vr.SH:
		return s.word(where), true
	case vr.AE:
		return strings.ToUpper(s.word(where)), true
	case vr.CS:
		return strings.ToUpper(s.word(where)), true
	case vr.ST, vr.LT, vr.UT:
		return "Note for " + s.word(where) + ": " + s.form(p) + "\r\nsecond line " + s.word(where), true
	case vr.UR:
		return "http://" + s.word(where) + ".org/x", true
	case vr.IS, vr.DS:
		return s.number(9, where), true
	case vr.UI:
		u := "1.2.826.0.1.3680043." + s.number(9, where)
		s.UIDs[u] = where
		return u, true
	}
	return "", false
}

func (s *Set) set(ds *dicom.DataSet, t tag.Tag, v vr.VR, where string, p *person) {
	text, ok := s.value(v, where, p)
	if !ok {
		switch v {
		case vr.OB, vr.UN, vr.OW:
			b := []byte("\x01\x00" + s.word(where) + " " + s.form(p))
			ds.SetBytes(t, v, b[:len(b)&^1])
		}
		return
	}
	if n := v.MaxLength(); n > 0 && len(text) > n {
		text = text[:n]
	}
	b := []byte(text)
	ds.SetBytes(t, v, b)
}

// keep are attributes that must stay as they are for the object to be read, or that others check.
var keep = map[tag.Tag]bool{tag.SOPClassUID: true, tag.SOPInstanceUID: true, tag.StudyInstanceUID: true, tag.SeriesInstanceUID: true, tag.PatientID: true, tag.PatientName: true, tag.StudyDate: true,
	tag.PatientBirthDate: true, tag.PatientSex: true, tag.AccessionNumber: true, tag.FrameOfReferenceUID: true, tag.PixelData: true, tag.SpecificCharacterSet: true, tag.Modality: true, tag.SeriesDescription: true,
	tag.StudyDescription: true, tag.ImageComments: true, tag.ProtocolName: true, tag.OtherPatientIDs: true, tag.InstitutionName: true, tag.ReferringPhysicianName: true, tag.EncapsulatedDocument: true, tag.ContentSequence: true,
	tag.PatientAge: true, tag.PatientSize: true, tag.PatientWeight: true, tag.TimezoneOffsetFromUTC: true, 0x00102160: true, 0x001021A0: true, 0x00102203: true}

// rows plants in a share of the rows of Table E.1-1, in turn, so that a set covers all of them.
func (s *Set) rows(ds *dicom.DataSet, p *person) {
	all := deid.ListedTags()
	from := s.rng.IntN(len(all))
	for i := range 60 {
		t := all[(from+i)%len(all)]
		if keep[t] || ds.Has(t) && ds.Sequence(t) != nil || t.Group() <= 4 || t.Group() == 0xFFFA || t.Group() == 0xFFFC || t.Group() == 0 {
			continue
		}
		v := t.VR()
		if v == vr.SQ {
			item := dicom.NewDataSet()
			s.set(item, 0x0040A123, vr.PN, "in "+t.String(), p)
			s.set(item, 0x00080104, vr.LO, "in "+t.String(), p)
			ds.SetSequence(t, item)
			continue
		}
		if v == vr.UI && ds.Has(t) {
			continue
		}
		s.set(ds, t, v, t.String(), p)
	}
}

// unlisted plants in attributes that no table lists, of every VR of text, and in one that the standard does not know.
func (s *Set) unlisted(ds *dicom.DataSet, p *person) {
	for _, t := range []tag.Tag{0x00100218, 0x00080108, 0x0040A224, 0x00281351, 0x00100222, 0x00209421, 0x00280A04, 0x0014410A, 0x300A01BA, 0x00620006, 0x00080116, 0x0072006F, 0x00142018,
		0x0040E010, 0x00081190, 0x00140104, 0x0040A067, 0x00420010, 0x00700081, 0x00400400, 0x01000424, 0x0008010E, 0x00100033, 0x0040A074, 0x00880130} {
		if s.rng.IntN(3) == 0 && !ds.Has(t) {
			s.set(ds, t, t.VR(), "unlisted "+t.String(), p)
		}
	}
	s.set(ds, 0x00080FFE, vr.LO, "unknown to the standard", p)
	s.set(ds, 0x00180FFE, vr.UN, "unknown to the standard", p)
}

// privates plants under creators that nobody knows, that are known as safe for other elements, and inside private sequences.
func (s *Set) privates(ds *dicom.DataSet, p *person) {
	block := func(ds *dicom.DataSet, group uint16, creator string) {
		if ds.Has(tag.New(group, 0x00E1)) {
			return
		}
		ds.SetText(tag.New(group, 0x00E1), vr.LO, creator)
		for i, v := range []vr.VR{vr.LO, vr.PN, vr.UN, vr.OB, vr.LT, vr.UT, vr.CS, vr.UI, vr.SH} {
			s.set(ds, tag.New(group, 0xE1F0+uint16(i)), v, "private "+creator, p)
		}
	}
	block(ds, 0x0099, "CINELOOP TEST "+s.word("private creator"))
	block(ds, 0x0029, "SIEMENS CSA HEADER")
	block(ds, 0x0019, "SIEMENS MR HEADER")
	item := dicom.NewDataSet()
	s.header(item, p)
	block(item, 0x0051, "SIEMENS MR HEADER")
	if !ds.Has(tag.New(0x0077, 0x0010)) {
		ds.SetText(tag.New(0x0077, 0x0010), vr.LO, "CINELOOP SEQUENCES")
		ds.SetSequence(tag.New(0x0077, 0x1001), item)
	}
}

// nested plants in sequences of the standard, four deep, with private elements at the bottom.
func (s *Set) nested(ds *dicom.DataSet, p *person) {
	at := ds
	for depth, t := range []tag.Tag{0x00081115, 0x00081250, 0x0008114A, 0x00080121} {
		if at.Has(t) {
			continue
		}
		item := dicom.NewDataSet()
		where := fmt.Sprintf("nested %d deep", depth+1)
		s.set(item, 0x00102297, vr.PN, where, p)
		s.set(item, 0x00080104, vr.LO, where, p)
		s.set(item, 0x00104000, vr.LT, where, p)
		item.SetText(tag.PatientID, vr.LO, p.id)
		item.SetText(tag.PatientName, vr.PN, p.family+"^"+p.given)
		item.SetText(0x0040A120, vr.DT, p.birth.Format("20060102")+"120000")
		item.SetText(tag.New(0x0033, 0x0010), vr.LO, "CINELOOP DEEP")
		s.set(item, tag.New(0x0033, 0x1001), vr.LO, where+", private", p)
		at.SetSequence(t, item)
		at = item
	}
}

// graphics plants in overlays, curves, icons and graphic annotations.
func (s *Set) graphics(ds *dicom.DataSet, p *person) {
	g := uint16(0x6004)
	s.set(ds, tag.New(g, 0x0022), vr.LO, "overlay description", p)
	s.set(ds, tag.New(g, 0x1500), vr.LO, "overlay label", p)
	s.set(ds, tag.New(g, 0x4000), vr.LT, "overlay comments", p)
	ds.SetBytes(tag.New(g, 0x3000), vr.OW, []byte(p.family+s.word("overlay data")+" "))
	s.set(ds, tag.New(0x5002, 0x2500), vr.LO, "curve label", p)
	s.set(ds, tag.New(0x5002, 0x3000), vr.OB, "curve data", p)
	icon := dicom.NewDataSet()
	s.set(icon, tag.PatientName, vr.PN, "icon", p)
	icon.SetBytes(tag.PixelData, vr.OB, []byte(p.family+s.word("icon pixels")))
	ds.SetSequence(0x00880200, icon)
	text := dicom.NewDataSet()
	s.set(text, 0x00700006, vr.ST, "graphic text", p)
	layer := dicom.NewDataSet()
	layer.SetText(0x00700002, vr.CS, "LAYER1")
	layer.SetSequence(0x00700008, text)
	ds.SetSequence(0x00700001, layer)
}

// report plants in content items of concepts in and outside of Table E.3.4-1.
func (s *Set) report(ds *dicom.DataSet, p *person) {
	code := func(scheme, value, meaning string) *dicom.DataSet {
		c := dicom.NewDataSet()
		c.SetText(tag.CodeValue, vr.SH, value)
		c.SetText(tag.CodingSchemeDesignator, vr.SH, scheme)
		c.SetText(tag.CodeMeaning, vr.LO, meaning)
		return c
	}
	all := deid.ContentConcepts()
	items := slices.Clone(ds.Sequence(tag.ContentSequence))
	for range 6 {
		c := all[s.rng.IntN(len(all))]
		item := dicom.NewDataSet()
		item.SetText(0x0040A010, vr.CS, "CONTAINS")
		item.SetText(tag.ValueType, vr.CS, c[2])
		item.SetSequence(tag.ConceptNameCodeSequence, code(c[0], c[1], "Concept"))
		where := "content " + c[2] + " " + c[1]
		switch c[2] {
		case "TEXT":
			s.set(item, tag.TextValue, vr.UT, where, p)
		case "PNAME":
			s.set(item, 0x0040A123, vr.PN, where, p)
		case "UIDREF":
			s.set(item, 0x0040A124, vr.UI, where, p)
		case "DATE":
			item.SetText(0x0040A121, vr.DA, p.birth.Format("20060102"))
		}
		items = append(items, item)
	}
	extra := dicom.NewDataSet()
	extra.SetText(0x0040A010, vr.CS, "CONTAINS")
	extra.SetText(tag.ValueType, vr.CS, "TEXT")
	extra.SetSequence(tag.ConceptNameCodeSequence, code("DCM", "121071", "Finding"))
	s.set(extra, tag.TextValue, vr.UT, "content of no listed concept", p)
	ds.SetSequence(tag.ContentSequence, append(items, extra)...)
}

// write writes f with comments in its bit streams and bytes after its pixels.
func (s *Set) write(out *bytes.Buffer, f *dicom.File) error {
	opt := dicom.WriteOptions{TransferSyntaxUID: string(f.TransferSyntax)}
	e, ok := f.DataSet.Get(tag.PixelData)
	encapsulated := ok && e.Fragments() != nil
	if encapsulated {
		im, err := pixel.Open(f)
		if err != nil {
			return err
		}
		if !f.TransferSyntax.IsVideo() {
			for i := range im.Frames {
				raw, err := im.Encoded(i)
				if err != nil {
					return err
				}
				opt.Frames = append(opt.Frames, s.comment(raw))
			}
			f.DataSet.Delete(tag.ExtendedOffsetTable, tag.ExtendedOffsetTableLengths)
		}
	}
	if ok && !encapsulated && !e.BigEndian() && s.rng.IntN(3) == 0 && e.Len()%2 == 0 {
		if raw, err := e.Bytes(); err == nil {
			f.DataSet.SetBytes(tag.PixelData, e.Kind(), append(bytes.Clone(raw), []byte(s.word("after the pixels")+"AB")...))
		}
	}
	return dicom.Write(out, f.DataSet, opt)
}

// comment puts comments and application segments into a JPEG or JPEG 2000 stream, and bytes after its end.
func (s *Set) comment(raw []byte) []byte {
	seg := func(marker byte) []byte {
		text := s.word("segment in the bit stream")
		return append([]byte{0xFF, marker, 0, byte(len(text) + 2)}, text...)
	}
	switch {
	case len(raw) > 4 && raw[0] == 0xFF && raw[1] == 0xD8:
		out := append([]byte{0xFF, 0xD8}, seg(0xFE)...)
		out = append(out, seg(0xE1)...)
		out = append(out, seg(0xED)...)
		out = append(out, raw[2:]...)
		return append(out, s.word("after the frame")...)
	case len(raw) > 4 && raw[0] == 0xFF && raw[1] == 0x4F:
		n := int(raw[4])<<8 | int(raw[5])
		if raw[2] != 0xFF || raw[3] != 0x51 || 4+n > len(raw) {
			return raw
		}
		out := bytes.Clone(raw[:4+n])
		text := "\x00\x01" + s.word("comment in the code stream")
		out = append(out, 0xFF, 0x64, 0, byte(len(text)+2))
		out = append(out, text...)
		return append(out, raw[4+n:]...)
	}
	return raw
}

// overlayInPixels reports whether bits of the pixels' cells hold an overlay, which has to go.
func overlayInPixels(ds *dicom.DataSet) bool {
	for g := uint16(0x6000); g < 0x6020; g += 2 {
		if ds.Has(tag.New(g, 0x0102)) && !ds.Has(tag.New(g, 0x3000)) {
			return true
		}
	}
	return false
}
