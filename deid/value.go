package deid

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
)

const (
	dummyText = "REMOVED"
	dummyName = "ANONYMOUS"
)

// dummy sets a value that says nothing.
func (w *walker) dummy(out *dicom.DataSet, t tag.Tag, v vr.VR, e *dicom.Element) {
	switch v {
	case vr.PN:
		out.SetText(t, v, dummyName)
	case vr.LO, vr.SH, vr.ST, vr.LT, vr.UT, vr.UC, vr.AE:
		out.SetText(t, v, dummyText)
	case vr.CS:
		out.SetText(t, v, "NONE")
	case vr.DA:
		out.SetText(t, v, "19000101")
	case vr.DT:
		out.SetText(t, v, "19000101000000")
	case vr.TM:
		out.SetText(t, v, "000000")
	case vr.AS:
		out.SetText(t, v, "000Y")
	case vr.UR:
		out.SetText(t, v, "urn:removed")
	case vr.IS, vr.DS:
		out.SetText(t, v, "0")
	case vr.UI:
		w.mapUID(out, e, v)
	default:
		n := max(2, v.WordSize())
		out.SetBytes(t, v, make([]byte, n))
	}
}

// code sets the pseudonym of a value.
func (w *walker) code(out *dicom.DataSet, e *dicom.Element) {
	s := strings.TrimSpace(strings.Join(e.Strings(), `\`))
	t, v := e.Tag, outVR(e)
	kind := coded[t]
	switch {
	case s == "":
		out.SetBytes(t, v, nil)
	case t == tag.PatientID:
		out.SetText(t, v, w.key.PatientCode("id "+s))
	case kind == codePatient:
		out.SetText(t, v, w.id.code)
	case kind == 0: // asked for by the policy
		out.SetText(t, v, w.key.code(codeAccession, t.String()+s))
	default:
		out.SetText(t, v, w.key.code(kind, s))
	}
}

// mapUID sets what the key makes of UIDs. Those that the standard registers stay.
func (w *walker) mapUID(out *dicom.DataSet, e *dicom.Element, v vr.VR) {
	list := e.Strings()
	if v != vr.UI { // a UID in an element of another VR, by a policy's rule
		v = vr.UI
	}
	for i, s := range list {
		s = strings.Trim(s, " \x00")
		list[i] = w.key.UID(s)
		if list[i] != s {
			w.uids[s] = true
		}
	}
	setASCII(out, e.Tag, v, list)
}

// keep sets the value of e if it has the form that its VR asks for, without what identifies. Where the rule is to keep it, dates stay as they are.
func (w *walker) keep(out *dicom.DataSet, e *dicom.Element, v vr.VR, rule Rule) bool {
	t, exact := e.Tag, rule.Action == Keep
	if e.BigEndian() && e.VR == vr.UN {
		return false // of unknown byte order
	}
	ov := outVR(e)
	if ov == vr.SQ {
		return false
	}
	if ov != v && v != vr.UN { // Kind knows better
		ov = v
	}
	switch ov {
	case vr.UI:
		return w.keepUID(out, e)
	case vr.DA, vr.DT, vr.TM:
		return w.keepDates(out, e, ov, exact)
	case vr.AS:
		list := e.Strings()
		for i, s := range list {
			a, ok := capAge(s, w.pr.Policy.AgeCap)
			if !ok {
				return false
			}
			list[i] = a
		}
		setASCII(out, t, ov, list)
		return true
	case vr.IS, vr.DS:
		for _, s := range e.Strings() {
			s = strings.TrimSpace(s)
			if _, err := strconv.ParseFloat(s, 64); err != nil && s != "" || strings.ContainsAny(s, "xXpP_nN") {
				return false
			}
			if !w.measure(t, s) {
				return false
			}
		}
		return w.raw(out, e, ov)
	case vr.PN, vr.AE, vr.UR:
		if exact && rule.listed && rule.kind != freeText {
			return w.cleanValues(out, e, ov, rule.kind)
		}
		return false
	case vr.CS:
		return w.keepCodes(out, e, rule)
	case vr.LO, vr.SH, vr.ST, vr.LT, vr.UT, vr.UC:
		kind := freeText
		if exact && rule.listed {
			kind = rule.kind
		}
		if technicalText[t] {
			kind = technical
		}
		if t == tag.Manufacturer || t == tag.ManufacturerModelName {
			kind = product
		}
		if codeText[t] {
			kind = verbatim
		}
		return w.cleanValues(out, e, ov, kind)
	case vr.OB, vr.OW, vr.UN:
		if t == tag.ICCProfile {
			b, err := e.Bytes()
			if err == nil {
				b, err = cleanICC(b)
			}
			if err != nil {
				return false
			}
			out.SetBytes(t, ov, b)
			return true
		}
		if !exact || !(safeBinary[t] || t.IsPrivate() && rule.listed || rule.listed && rule.kind == technical) {
			return false // bytes can't be cleaned
		}
		if b, err := e.Bytes(); err != nil || e.Len() <= 1<<20 && w.id.patterns.inBytes(b) != "" {
			return false
		}
		return w.raw(out, e, ov)
	}
	if b, err := e.Bytes(); err != nil || e.Len() >= 8 && e.Len() <= 1<<20 && (w.id.patterns.inBytes(b) != "" || wordy(b)) || tooMany(t, ov, b) {
		return false
	}
	if ov.WordSize() > 1 && e.Len() <= 32 {
		for _, s := range e.Strings() {
			if len(s) >= 5 && w.id.numbers[strings.TrimSuffix(s, ".0")] {
				return false
			}
		}
	}
	return w.raw(out, e, ov)
}

// measure reports whether a number in decimal is a measured one: neither one of the patient's own, nor of so many digits that it must be somebody's.
func (w *walker) measure(t tag.Tag, s string) bool {
	if len(s) >= 5 && (w.id.words[strings.TrimLeft(s, "+0")] || w.id.shortDates[s] && !ordinal[t]) {
		return false
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || x < 1e4 && x > -1e4 || x != math.Trunc(x) || x >= 1e18 || x <= -1e18 {
		return true
	}
	if w.id.numbers[strconv.FormatInt(int64(math.Abs(x)), 10)] {
		return false
	}
	return math.Abs(x) < 1e7 || t.IsPrivate() || bigNumber[t]
}

// ordinal are numbers that count from a date's digits at some sites, which is what they are for.
var ordinal = tagSet(tag.FrameTime, tag.RescaleSlope)

// bigNumber are the decimal attributes whose values have eight digits and more: counts, doses in Bq, times in milliseconds, frequencies, intensities.
var bigNumber = tagSet(0x00180070, 0x00181074, 0x00181242, 0x00180084, 0x00541300, 0x00541310, 0x00541311, 0x00280034, 0x00181060, 0x00181243, 0x00180071, 0x00180073, 0x00281050, 0x00281051, 0x00281052, 0x00281053, 0x00540033,
	0x00180040, 0x0018106A, 0x00409094, 0x3004000E, 0x30080022, 0x30080010, 0x300A0086, 0x300C0006, 0x00186024, 0x0040A30A, 0x0018115E, 0x00189074, 0x0054133E, 0x00541330, 0x00541321, 0x00541322, 0x00541323, 0x00541324,
	tag.SeriesNumber, tag.InstanceNumber, tag.AcquisitionNumber)

// tooMany reports whether binary numbers are more than the attribute has by the standard, and have a word in them: text, or a sequence, in their place.
func tooMany(t tag.Tag, v vr.VR, b []byte) bool {
	n := v.WordSize()
	if n < 2 || !speaks(b) {
		return false
	}
	if t.IsPrivate() {
		return len(b) <= 256
	}
	in, ok := tag.Lookup(t)
	if !ok {
		return true
	}
	_, most, ranged := strings.Cut(in.VM, "-")
	if !ranged {
		most = in.VM
	}
	count, err := strconv.Atoi(most)
	return err == nil && len(b) > n*count || err != nil && len(b) <= 256 // lists without an end
}

// wordy reports whether what should be numbers reads as text.
func wordy(b []byte) bool {
	letters := 0
	for _, c := range b {
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c == ' ' {
			letters++
		}
	}
	return len(b) >= 12 && letters*10 >= len(b)*8
}

// raw copies a value as stored, in little endian.
func (w *walker) raw(out *dicom.DataSet, e *dicom.Element, v vr.VR) bool {
	b, err := e.Bytes()
	if err != nil || e.Truncated() {
		return false
	}
	if n := v.WordSize(); n > 1 || v == vr.AT {
		if len(b)%n != 0 {
			return false
		}
		if e.BigEndian() {
			s := make([]byte, len(b))
			for i := 0; i < len(b); i += n {
				for j := range n {
					s[i+j] = b[i+n-1-j]
				}
			}
			b = s
		}
	}
	out.SetBytes(e.Tag, v, b)
	return true
}

func (w *walker) keepUID(out *dicom.DataSet, e *dicom.Element) bool {
	if w.pr.on[RetainUIDs] && !isClassUID[e.Tag] {
		for _, s := range e.Strings() {
			if !uid.Valid(strings.Trim(s, " \x00")) {
				return false
			}
		}
		setASCII(out, e.Tag, vr.UI, e.Strings())
		return true
	}
	list := e.Strings()
	for i, s := range list {
		s = strings.Trim(s, " \x00")
		if _, registered := uid.Lookup(s); !registered && !vendorClass(s) && !registryTag(e.Tag) {
			w.uids[s] = true
			s = w.key.UID(s)
		} else if !uid.Valid(s) {
			return false
		}
		list[i] = s
	}
	setASCII(out, e.Tag, vr.UI, list)
	return true
}

// registryTag are attributes whose UIDs name public registries, which need not be in the standard.
func registryTag(t tag.Tag) bool {
	return t == 0x0008010C || t == 0x0008010D || t == 0x00080117 || t == 0x00080118
}

func (w *walker) keepDates(out *dicom.DataSet, e *dicom.Element, v vr.VR, exact bool) bool {
	list := e.Strings()
	for i, s := range list {
		if strings.TrimSpace(s) == "" {
			list[i] = ""
			continue
		}
		days := w.id.days
		if exact && w.pr.on[RetainFullDates] || exact && !w.pr.on[RetainModifiedDates] {
			days = 0
		}
		d, ok := shiftValue(v, s, days)
		if !ok {
			return false
		}
		list[i] = d
	}
	setASCII(out, e.Tag, v, list)
	return true
}

// setASCII sets values that were checked already, also where they are longer than their VR allows, as values of real files are.
func setASCII(out *dicom.DataSet, t tag.Tag, v vr.VR, list []string) {
	out.SetBytes(t, v, []byte(strings.Join(list, `\`)))
}

func (w *walker) keepCodes(out *dicom.DataSet, e *dicom.Element, rule Rule) bool {
	list := e.Strings()
	changed := false
	if labelCode[e.Tag] || rule.listed && rule.kind == freeText { // a label that people choose, in capitals
		for i, s := range list {
			if w.pr.cleanText(w.key, w.id, s, freeText) != s {
				list[i], changed = dummyText, true
			}
		}
	}
	for i, s := range list {
		c := w.pr.cleanCode(w.key, w.id, s)
		if c != "" && w.pr.strange(e.Tag, c) {
			c = ""
		}
		if c != s {
			list[i], changed = c, true
		}
	}
	if changed && strings.Trim(strings.Join(list, ""), " ") == "" {
		return false
	}
	if b, err := e.Bytes(); err != nil || hasControls(b) {
		return false
	}
	if changed {
		w.note("code string cleaned")
	}
	setASCII(out, e.Tag, vr.CS, list)
	return true
}

func hasControls(b []byte) bool {
	for i, c := range b {
		if c < ' ' && i < len(b)-1 {
			return true
		}
	}
	return false
}

// cleanValues sets text with everything taken out that identifies. Text in bytes that its character set does not have is removed.
func (w *walker) cleanValues(out *dicom.DataSet, e *dicom.Element, v vr.VR, kind textKind) bool {
	s, ok := e.Text()
	if b, err := e.Bytes(); err != nil || mislabelled(out, b) || strings.ContainsRune(s, 0x1B) || strings.Contains(s, "~{") {
		ok = false // letters of a set that nobody declared, in seven bits
	}
	if !ok {
		w.note("text that its character set does not have")
		return false
	}
	trimmed := strings.TrimRight(s, " \x00")
	plain := strings.Map(func(r rune) rune {
		switch {
		case r == '\r' || r == '\n' || r == '\t' || r == '\f':
			return r
		case r < ' ' || r == 0x7F:
			return ' '
		}
		return r
	}, trimmed)
	parts := []string{plain}
	if !v.IsSingle() {
		parts = strings.Split(plain, `\`)
	}
	changed := plain != trimmed
	for i, p := range parts {
		c := w.pr.cleanText(w.key, w.id, p, kind)
		if c != p {
			parts[i], changed = c, true
		}
		if n := v.MaxLength(); n > 0 && len([]rune(parts[i])) > n {
			parts[i], changed = Mask, true
		}
	}
	if len(parts) > 1 && w.across(parts, kind) {
		for i := range parts {
			parts[i] = Mask
		}
		changed = true
	}
	if changed {
		w.note("text cleaned")
		out.SetText(e.Tag, v, parts...)
		return true
	}
	if v != e.VR && e.VR.Known() && e.VR != vr.UN {
		v = e.VR
	}
	b, err := e.Bytes()
	if err != nil {
		return false
	}
	// Padding is one byte of the VR's own, whatever stood there.
	end := len(b)
	for end > 0 && (b[end-1] == ' ' || b[end-1] == 0) {
		end--
	}
	out.SetBytes(e.Tag, v, b[:end:end])
	return true
}

// across reports whether values that are clean one by one identify together: a name or number that goes on in the next value.
func (w *walker) across(parts []string, kind textKind) bool {
	for _, sep := range []string{" ", ""} {
		whole := strings.Join(parts, sep)
		if len(whole) > 4096 {
			return false
		}
		t := text{pr: w.pr, key: w.key, id: w.id, kind: verbatim, raw: whole, folded: fold(whole)}
		t.tokenise()
		t.own(t.pieces())
		if sep == " " && kind == freeText {
			t.spaced = t.folded.text
			t.phones()
		}
		if len(t.spans) > 0 {
			return true
		}
	}
	return false
}

// mislabelled reports whether text is UTF-8 although a set of single bytes is declared: read as declared it would be other letters, and names in it
// would not be recognised.
func mislabelled(ds *dicom.DataSet, b []byte) bool {
	terms := ds.Strings(tag.SpecificCharacterSet)
	if len(terms) > 0 && (terms[0] == "ISO_IR 192" || strings.HasPrefix(terms[0], "GB")) {
		return false
	}
	high := false
	for _, c := range b {
		high = high || c >= 0x80
	}
	return high && utf8.Valid(b)
}

// technicalText are attributes that devices fill with names of products, kernels, sequences and coils, which no vocabulary has.
var technicalText = tagSet(tag.Manufacturer, tag.ManufacturerModelName, tag.SoftwareVersions, 0x00181210, 0x00180024, 0x00189005, 0x00181250, 0x00181251, 0x00189041, 0x00189050, 0x00189047,
	0x00181160, 0x00181161, 0x00181180, 0x00181261, 0x00181401, 0x00185010, 0x00185020, 0x0018702A, 0x0018702B, 0x00189320, 0x00281054, 0x00281055, 0x00283003, 0x00283004,
	0x00541101, 0x00541103, 0x00541104, 0x00541105, 0x00181016, 0x00181018, 0x00181019, 0x00189524, 0x00189525, 0x00189526,
	0x00180085, 0x00181022, 0x00181023, 0x00181260, 0x00181801, 0x00209056, 0x00540018, 0x00620009, 0x00660031, 0x00660036, 0x00420012, 0x00181085, 0x00181064, 0x00181061,
	0x00080222, 0x3010001A, 0x00090000, 0x00180031, 0x00187050, 0x00189004, 0x00080112, 0x00080122, 0x00209213, 0x00209238, 0x00201040, 0x00741056, 0x00720056, 0x00720054, 0x00080302)

// codeText are the parts of a code, which mean something only as they are.
var codeText = tagSet(0x00080100, 0x00080102, 0x00080103, 0x00080119)

// labelCode are code strings that people make up.
var labelCode = tagSet(0x00700080, 0x0032000A, 0x00400020, 0x00741202, 0x00041130)
