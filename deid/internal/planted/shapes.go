package planted

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
)

// shapes plants in the forms and places that the tables don't list and that files of real devices have.
func (s *Set) shapes(ds *dicom.DataSet, p *person) {
	s.native(ds, p)
	s.technical(ds, p)
	s.numbers(ds, p)
	s.values(ds, p)
	s.containers(ds, p)
	s.waveforms(ds, p)
	s.displays(ds, p)
	s.groups(ds, p)
	s.untyped(ds, p)
	s.layers(ds, p)
}

// literal is a string that may not be found as it is: a date or number in a form of its own.
func (m *maker) literal(where, text string) string {
	if len(text) >= 8 {
		m.Literals[strings.ToLower(text)] = where
	}
	return text
}

// moreForms are ways in which a person stands in text, beyond the plain ones.
func (m *maker) moreForms(p *person) string {
	b := p.birth
	lit := func(s string) string { return m.literal("birth date in text", s) }
	switch m.rng.IntN(26) {
	case 0:
		return "born " + lit(b.Format("02 January 2006"))
	case 1:
		return "DOB:" + lit(b.Format("01/02/2006"))
	case 2:
		return "geb. " + lit(b.Format("2.1.2006"))
	case 3:
		return lit(strings.ToUpper(b.Format("02Jan2006")))
	case 4:
		return lit(b.Format("2006-Jan-02"))
	case 5:
		return "dob" + lit(b.Format("02012006"))
	case 6:
		return "_" + lit(b.Format("2006_01_02")) + "_"
	case 7:
		return fmt.Sprintf("%d de %s de %d", b.Day(), strings.Fields("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre")[b.Month()-1], b.Year())
	case 8:
		return fmt.Sprintf("%d %s %d", b.Day(), strings.Fields("stycznia lutego marca kwietnia maja czerwca lipca sierpnia wrzesnia pazdziernika listopada grudnia")[b.Month()-1], b.Year())
	case 9:
		return m.literal("id in groups", p.id[:2]+" "+p.id[2:5]+" "+p.id[5:])
	case 10:
		return "MRN " + m.literal("id in groups", p.id[:4]+"."+p.id[4:])
	case 11:
		return "000" + p.id
	case 12:
		return strings.Join(strings.Split(strings.ToUpper(p.family), ""), " ")
	case 13:
		return p.given[:1] + p.family
	case 14:
		return p.family + p.given[:1] + "2"
	case 15:
		return strings.ToLower(p.given+p.family) + "_chest"
	case 16:
		return p.family + "s scan"
	case 17:
		return "fax " + m.literal("phone in text", p.phone[:3]+"."+p.phone[3:6]+"."+p.phone[6:])
	case 18:
		return m.literal("phone in text", p.phone[:3]+" "+p.phone[3:6]+" "+p.phone[6:])
	case 19:
		return "pacs." + strings.ToLower(p.city) + ".org/" + p.family
	case 20:
		return `\\server\` + p.family + `\x.dcm`
	case 21:
		return "US ABD for Mr " + m.word("name after a title")
	case 22:
		return "Dr. med. " + m.word("name after a title")
	case 23:
		return "SSN " + m.ssn()
	case 24:
		return "Mrs " + p.family + "-" + m.word("second family name")
	}
	return "host 10." + fmt.Sprintf("%d.%d.%d", 100+m.rng.IntN(150), 100+m.rng.IntN(150), 100+m.rng.IntN(150)) + " of " + p.family
}

func (m *maker) ssn() string {
	n := m.number(9, "social security number")
	return m.literal("social security number", n[:3]+"-"+n[3:5]+"-"+n[5:])
}

// scripts are names in other alphabets, and the character set that a file declares for them.
var scripts = []struct{ set, letters string }{
	{"ISO_IR 192", "абвгдежзиклмнопрстуф"}, {"ISO_IR 144", "абвгдежзиклмнопрстуф"}, {"ISO_IR 192", "山田太郎佐藤鈴木高橋伊東渡辺中村小林"},
	{`\ISO 2022 IR 87`, "山田太郎佐藤鈴木高橋伊東渡辺中村小林"}, {`\ISO 2022 IR 149`, "김이박최정강조윤장임한오서신권황안송"}, {"GB18030", "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭"},
	{"ISO_IR 126", "αβγδεζηθικλμνοπρστ"}, {"ISO_IR 192", "กขคงจฉชซญดตถทนบปผฝ"}, {"ISO_IR 192", "ابتثجحخدذرزسشصضطظع"}, {"ISO_IR 100", "äöüéèñçßåø"},
}

// native gives a file that declares no character set one, and the patient a name in its alphabet.
func (s *Set) native(ds *dicom.DataSet, p *person) {
	if len(ds.Strings(tag.SpecificCharacterSet)) > 0 || s.rng.IntN(2) == 0 {
		return
	}
	for _, e := range ds.Walk() {
		if b, err := e.Bytes(); e.Kind().UsesCharset() && (err != nil || !ascii(b)) || e.Tag == tag.SpecificCharacterSet {
			return
		}
	}
	sc := scripts[s.rng.IntN(len(scripts))]
	letters := []rune(sc.letters)
	name := func() string {
		var b strings.Builder
		for range 6 {
			b.WriteRune(letters[s.rng.IntN(len(letters))])
		}
		return b.String()
	}
	ds.SetText(tag.SpecificCharacterSet, vr.CS, strings.Split(sc.set, `\`)...)
	family, given := name(), name()
	ds.SetText(tag.PatientName, vr.PN, p.family+"^"+p.given+"="+family+"^"+given)
	for _, t := range []tag.Tag{tag.SeriesDescription, 0x00400280, tag.SoftwareVersions, 0x00181400} {
		text := "CT " + family + " chest"
		ds.SetText(t, t.VR(), text)
		if e, ok := ds.Get(t); ok {
			if b, err := e.Bytes(); err == nil {
				if at := strings.Index(string(b), " chest"); at > 3 {
					s.Literals[string(b[3:at])] = "name in " + sc.set
				}
			}
		}
	}
	s.Literals[family], s.Literals[given] = "name in "+sc.set, "name in "+sc.set
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 || c == 0x1B {
			return false
		}
	}
	return true
}

// technical plants the patient, and nobody else, where names of products stand.
func (s *Set) technical(ds *dicom.DataSet, p *person) {
	for _, t := range []tag.Tag{tag.SoftwareVersions, 0x00180024, 0x00181250, 0x00189005, 0x00181210, 0x00281055, 0x00081090} {
		if t == tag.ManufacturerModelName || t == 0x00181210 || s.rng.IntN(3) > 0 {
			continue
		}
		own := []string{p.family, p.given[:1] + p.family, p.family + "1", p.family + p.given, strings.ToLower(p.given + p.family), p.family + "_VB20", p.id, s.literal("phone in technical text", p.phone[:3]+"-"+p.phone[3:6]+"-"+p.phone[6:]),
			s.literal("birth date in technical text", p.birth.Format("02.01.2006")), s.literal("birth date in technical text", p.birth.Format("02-Jan-2006")), p.mail + "@" + p.city + ".org"}
		text := "V1 " + own[s.rng.IntN(len(own))]
		if n := t.VR().MaxLength(); n > 0 && len(text) > n {
			text = text[:n]
		}
		ds.SetBytes(t, t.VR(), []byte(text))
	}
	for _, t := range []tag.Tag{0x00185100, 0x00200060, 0x00080064, 0x00185104, 0x00181140, 0x00280301, 0x00080068} {
		if t.VR() == vr.CS && s.rng.IntN(3) == 0 && !ds.Has(t) {
			ds.SetBytes(t, vr.CS, []byte(strings.ToUpper(s.word("code string "+t.String()))))
		}
	}
}

// numbers plants telephone numbers and identifiers where numbers are measured.
func (s *Set) numbers(ds *dicom.DataSet, p *person) {
	for _, t := range []tag.Tag{0x00181100, 0x00181151, 0x00180083, 0x00181110, 0x00180089, 0x00181150} {
		if s.rng.IntN(3) > 0 || ds.Has(t) {
			continue
		}
		v := []string{p.phone, p.id, p.id + ".0", s.number(10, "telephone number in "+t.String())}[s.rng.IntN(4)]
		ds.SetBytes(t, t.VR(), []byte(v))
	}
	if n := number32(p.id); n > 0 && !ds.Has(0x00189219) {
		ds.SetBytes(0x00280107, vr.US, []byte{1, 0})
		ds.SetBytes(0x00209057, vr.UL, binary.LittleEndian.AppendUint32(nil, n)) // In-Stack Position Number
	}
}

func number32(s string) uint32 {
	var n uint32
	_, _ = fmt.Sscan(s, &n)
	return n
}

// values plants names and numbers that go on in the next value of an attribute.
func (s *Set) values(ds *dicom.DataSet, p *person) {
	for _, t := range []tag.Tag{0x00181020, 0x00081080, 0x00204000, 0x00181030} {
		switch {
		case s.rng.IntN(3) > 0:
		case t.VR() == vr.LT:
			ds.SetBytes(t, vr.LT, []byte(p.family+`\`+p.given+`\`+s.moreForms(p)))
		case t.VR() == vr.LO && t != 0x00181030:
			ds.SetBytes(t, vr.LO, []byte(s.literal("a number in two values", p.id[:4]+`\`+p.id[4:])))
		}
	}
}

func (s *Set) item(p *person, where string, tags ...tag.Tag) *dicom.DataSet {
	item := dicom.NewDataSet()
	for _, t := range tags {
		s.set(item, t, t.VR(), place(t, where), p)
	}
	return item
}

// containers plants in the sequences that tell where an object comes from.
func (s *Set) containers(ds *dicom.DataSet, p *person) {
	put := func(t tag.Tag, item *dicom.DataSet) {
		if s.rng.IntN(2) == 0 && !ds.Has(t) {
			ds.SetSequence(t, item)
		}
	}
	before := s.item(p, "original attributes", 0x00100010, 0x00100020, 0x00081030)
	original := s.item(p, "original attributes", 0x04000564, 0x04000563)
	original.SetSequence(0x04000550, before)
	put(0x04000561, original)
	request := s.item(p, "request attributes", 0x00401001, 0x00321060, 0x00400007, 0x00400009, 0x00321033)
	request.SetSequence(0x00321064, s.item(p, "request attributes", 0x00080104))
	put(0x00400275, request)
	put(0x0018A001, s.item(p, "contributing equipment", 0x00080080, 0x00081010, 0x00181000, 0x00081040, 0x0018A003, 0x00081070))
	person := s.item(p, "person identification", 0x00080080, 0x00401102, 0x00401103)
	person.SetSequence(0x00401101, s.item(p, "person identification", 0x00080100, 0x00080104))
	put(0x00080096, person)
	put(0x00081072, person)
	put(0xFFFAFFFA, s.item(p, "signature", 0x04000115, 0x04000120))
	put(0x00082218, s.item(p, "code meaning", 0x00080104))
	put(0x00081032, s.item(p, "code meaning", 0x00080104))
	put(0x00102202, s.item(p, "species", 0x00080104))
}

// waveforms plants in annotations of waveforms.
func (s *Set) waveforms(ds *dicom.DataSet, p *person) {
	if ds.Has(0x0040B020) || s.rng.IntN(3) > 0 {
		return
	}
	a := s.item(p, "waveform annotation", 0x00700006)
	a.SetSequence(0x0040A043, s.item(p, "waveform annotation", 0x00080104))
	ds.SetSequence(0x0040B020, a)
}

// displays plants in structured displays and hanging protocols.
func (s *Set) displays(ds *dicom.DataSet, p *person) {
	if s.rng.IntN(4) > 0 || ds.Has(0x00720002) {
		return
	}
	for _, t := range []tag.Tag{0x00720002, 0x00720004, 0x00720006, 0x00720008, 0x00720010, 0x00720203} {
		s.set(ds, t, t.VR(), "display "+t.String(), p)
	}
	ds.SetSequence(0x0072000C, s.item(p, "display", 0x00081030, 0x00080104))
	if f := ds.Sequence(0x00720420); f == nil && s.rng.IntN(2) == 0 { // three numbers by the standard
		ds.SetBytes(0x00720420, vr.US, []byte(s.word("text where numbers should be")+" and more "))
	}
}

// groups plants in the last of the repeating groups, and in groups beyond them.
func (s *Set) groups(ds *dicom.DataSet, p *person) {
	s.set(ds, 0x601E0022, vr.LO, "overlay of the last group", p)
	s.set(ds, 0x501E2500, vr.LO, "curve of the last group", p)
	s.set(ds, 0x50020030, vr.SH, "axis units of a curve", p)
	s.set(ds, 0x500E2610, vr.LT, "curve", p)
	s.set(ds, 0x7F040010, vr.OB, "variable pixel data", p)
}

// untyped plants in elements whose VR the file does not tell: a sequence as bytes, private elements of safe places.
func (s *Set) untyped(ds *dicom.DataSet, p *person) {
	var b []byte
	put := func(group, element uint16, text string) {
		if len(text)%2 == 1 {
			text += " "
		}
		b = binary.LittleEndian.AppendUint16(b, group)
		b = binary.LittleEndian.AppendUint16(b, element)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(text)))
		b = append(b, text...)
	}
	put(0x0008, 0x0104, s.word("a sequence as bytes"))
	put(0x0010, 0x0010, p.family+"^"+p.given)
	items := append([]byte{0xFE, 0xFF, 0, 0xE0}, binary.LittleEndian.AppendUint32(nil, uint32(len(b)))...)
	items = append(items, b...)
	if !ds.Has(0x00082228) {
		ds.SetBytes(0x00082228, vr.UN, items)
	}
	if !ds.Has(tag.New(0x2005, 0x00E4)) {
		ds.SetText(tag.New(0x2005, 0x00E4), vr.LO, "Philips MR Imaging DD 001")
		ds.SetBytes(tag.New(0x2005, 0xE402), vr.UN, items)
	}
	for i, creator := range []string{"Philips Imaging DD 001", "GEMS_ACQU_01", "Philips Imaging DD 001 "} {
		group := []uint16{0x2001, 0x0019, 0x2001}[i]
		block := 0xE5 + uint16(i)
		if ds.Has(tag.New(group, block)) {
			continue
		}
		ds.SetBytes(tag.New(group, block), vr.LO, []byte(creator+strings.Repeat(" ", len(creator)%2)))
		for _, low := range []uint16{0x5A, 0x5D, 0x5E, 0x9E, 0x58, 0x04} {
			v := []vr.VR{vr.UN, vr.ST, vr.LO}[s.rng.IntN(3)]
			text := []string{p.family + " " + p.given, p.id, "1.2.826.0.1.3680043." + p.id, s.literal("birth date in a private element", p.birth.Format("02.01.2006")), p.birth.Format("20060102")}[s.rng.IntN(5)]
			ds.SetBytes(tag.New(group, block<<8|low), v, []byte(text+strings.Repeat(" ", len(text)%2)))
		}
	}
}

// layers plants in a private sequence inside a sequence of the standard inside a private sequence, in compound graphics and in an encapsulated icon.
func (s *Set) layers(ds *dicom.DataSet, p *person) {
	inner := s.item(p, "private in public in private", 0x00104000, 0x00102297)
	inner.SetText(tag.New(0x0077, 0x0010), vr.LO, "CINELOOP SEQUENCES")
	inner.SetBytes(tag.New(0x0077, 0x1003), vr.LO, []byte(s.word("private in public in private")))
	middle := dicom.NewDataSet()
	middle.SetText(tag.New(0x2005, 0x0014), vr.LO, "Philips MR Imaging DD 005")
	middle.SetSequence(tag.New(0x2005, 0x1402), inner)
	outer := dicom.NewDataSet()
	outer.SetSequence(0x00081140, middle)
	if !ds.Has(tag.New(0x2005, 0x00E7)) {
		ds.SetText(tag.New(0x2005, 0x00E7), vr.LO, "Philips MR Imaging DD 001")
		ds.SetSequence(tag.New(0x2005, 0xE70E), outer)
	}
	if graphics := ds.Sequence(0x00700001); len(graphics) > 0 {
		graphics[0].SetSequence(0x00700209, s.item(p, "compound graphic", 0x00700006, 0x00700294))
	}
}

// place is where an item's attribute stands: by its tag if some option keeps it, so that the judge can ask the profile.
func place(t tag.Tag, where string) string {
	switch t {
	case 0x00080080, 0x00081010, 0x00181000, 0x00081040:
		return t.String()
	}
	return where
}
