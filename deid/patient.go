package deid

import (
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
)

// identity is what an object says about who it is of: the words that must not be in the output, however they are written. Objects of one
// patient and study mostly say the same, so identities are kept and shared.
type identity struct {
	key    string // what decides pseudonym and shift
	code   string
	days   int // shift of dates
	names  []string
	values []string // whole values, folded, of two words or more or four characters
	ids    []string // identifiers: folded, letters and digits only

	words    map[string]bool // folded words of names and identifiers: masked wherever they stand
	places   map[string]bool // folded words of other values that are taken out: masked in free text
	compact  []string        // names and identifiers as letters and digits only, six or more of them: searched inside anything, joined or not
	spoken   []string        // other values in that form, for free text
	long     []string        // words of names of six letters and more: searched inside unknown words
	numbers  map[string]bool // identifiers of digits alone, without leading zeros
	sites    map[string]bool // folded words of the institution's name that are nothing else
	initials map[string]bool
	wide     []string // names in scripts without blanks
	dates    map[string]bool
	// shortDates are the dates that the profile moves or takes out as digits alone, in the orders of several countries: 600314, 14031960.
	shortDates map[string]bool
	birth      time.Time
	birthYear  string

	mu    sync.Mutex
	clean map[string]string // texts cleaned before

	printable []string // for maskers
	patterns  *needles
}

// identifying are attributes whose value names the patient, the order or the visit; beyond names, which are known by their VR.
var identifying = tagSet(tag.PatientID, tag.OtherPatientIDs, tag.AccessionNumber, 0x00200010, 0x00380010, 0x00380060, 0x00402016, 0x00402017, 0x00101090, 0x00101050,
	0x00102154, 0x00101040, 0x00400009, 0x00401001, 0x00400253, 0x00120040, 0x00120042, 0x00181000, 0x00101080, 0x00102155, 0x00080094, 0x00401103)

// shortTitles are parts of names that are no names.
var shortTitles = map[string]bool{"dr": true, "mr": true, "mrs": true, "ms": true, "md": true, "prof": true, "phd": true, "jr": true, "sr": true, "ii": true, "iii": true,
	"rt": true, "r": true, "de": true, "von": true, "van": true, "der": true, "la": true, "le": true, "du": true, "di": true, "da": true, "del": true,
	"http": true, "https": true, "www": true, "org": true, "com": true, "net": true, "anonymous": true, "anonymized": true, "anonymised": true, "removed": true, "unknown": true, "none": true, "patient": true, "name": true, "physician": true, "test": true, "phantom": true, "no": true, "na": true, "null": true, "and": true, "the": true, "of": true}

// modalityWords are names of test objects, and of nobody.
var modalityWords = map[string]bool{"ct": true, "mr": true, "us": true, "pt": true, "nm": true, "cr": true, "dx": true, "xa": true, "rf": true, "mg": true, "sc": true, "pet": true, "mri": true}

// collect reads who ds is of, at every depth.
func (pr *Profile) collect(k *Key, ds *dicom.DataSet) *identity {
	c := collector{pr: pr}
	c.patient(ds)
	c.walk(ds)
	slices.Sort(c.facts)
	c.facts = slices.Compact(c.facts)
	return pr.identities(k).get(strings.Join(c.facts, "\x00"), func() *identity { return c.build(k) })
}

// collector gathers facts: a letter for the kind, then the value.
type collector struct {
	pr     *Profile
	facts  []string
	id     string
	name   string
	birth  string
	study  string
	object string
}

func (c *collector) patient(ds *dicom.DataSet) {
	c.id = strings.TrimSpace(ds.String(tag.PatientID))
	c.name = strings.TrimSpace(ds.String(tag.PatientName))
	c.birth = strings.TrimSpace(ds.String(tag.PatientBirthDate))
	c.study = strings.TrimSpace(ds.String(tag.StudyInstanceUID))
	c.object = strings.TrimSpace(ds.String(tag.SOPInstanceUID))
	c.facts = append(c.facts, "k"+c.key(), "b"+c.birth)
}

// key is what one patient's objects share: the patient's ID, or for want of one the name and birth date, or the study.
func (c *collector) key() string {
	switch {
	case c.id != "":
		return "id " + c.id
	case c.name != "":
		return "name " + fold(c.name).text + " " + c.birth
	case c.study != "":
		return "study " + c.study
	}
	return "object " + c.object
}

func (c *collector) walk(ds *dicom.DataSet) {
	for e := range ds.All() {
		if e.IsSequence() {
			for _, item := range e.Items() {
				c.walk(item)
			}
			continue
		}
		v := e.Kind()
		switch {
		case v == vr.PN:
			for _, s := range e.Strings() {
				c.add('n', s)
			}
			if b, err := e.Bytes(); err == nil && !ds.Charset().IsUTF8() && utf8.Valid(b) {
				if s := strings.TrimSpace(string(b)); len(s) != utf8.RuneCountInString(s) { // UTF-8 under another label
					c.add('n', s)
				}
			}
			continue
		case v == vr.DA || v == vr.DT:
			for _, s := range e.Strings() {
				if len(s) >= 8 {
					c.add('d', s[:8])
				}
			}
			continue
		case !v.IsText() || v == vr.UI || v == vr.TM || e.Len() == 0 || e.Len() > 4096 || e.Tag.IsPrivate():
			continue
		case e.Tag == tag.DeviceSerialNumber && c.pr.on[RetainDevice]:
			continue // what may stay is not looked for
		case identifying[e.Tag]:
			for _, s := range e.Strings() {
				c.add('i', s)
			}
			continue
		case v == vr.CS || v == vr.DS || v == vr.IS || v == vr.AS:
			continue
		}
		r, listed := c.pr.rules[e.Tag]
		if !listed || r.Action == Keep || r.Action == Clean || r.Action == MapUID || descriptive[e.Tag] {
			continue
		}
		kind := byte('v')
		if institution[e.Tag] {
			kind = 's'
		}
		for _, s := range e.Strings() {
			c.add(kind, s)
		}
	}
}

// institution are the attributes that name the place, whose words must not stand in names of stations and the like either.
var institution = tagSet(tag.InstitutionName, tag.InstitutionalDepartmentName, 0x00080116, 0x00120030, 0x00120031, 0x00380300)

// addSite adds the words of an institution's name that no vocabulary has.
func (id *identity) addSite(s string) {
	for _, w := range wordsOf(fold(s).text) {
		if len(w) >= 4 && !digits(w) && !standardWords()[w] && !shortTitles[w] && !definedTerm(w) && !isMaker[w] {
			id.sites[w] = true
		}
	}
}

// isMaker are makers of devices that hospitals and laboratories are named after too.
var isMaker = map[string]bool{"imaging": true, "research": true, "university": true, "hospital": true, "clinic": true, "radiology": true, "institute": true, "national": true, "institutes": true, "medizin": true, "klinik": true, "centre": true, "health": true,
	"toyon": true, "dcm4che": true, "offis": true, "pixelmed": true, "rsna": true, "agility": true, "mevis": true, "brainlab": true, "intelerad": true, "slicer": true, "nema": true, "nist": true}

// addShortDate adds a date yyyymmdd as it is written in digits alone.
func (id *identity) addShortDate(d string) {
	if !digits(d) || d == "00000000" || d == "19000101" || d == "20000101" {
		return
	}
	y, m, day := d[:4], d[4:6], d[6:8]
	for _, s := range []string{y + m + day, day + m + y, m + day + y, y[2:] + m + day, day + m + y[2:], m + day + y[2:]} {
		id.shortDates[s] = true
	}
}

// descriptive are attributes that the profile may remove, whose words name no person or place.
var descriptive = tagSet(tag.StudyDescription, tag.SeriesDescription, tag.ProtocolName, tag.RequestedProcedureDescription, 0x00400254, 0x00400007, 0x00181400, 0x00180010, 0x00082111,
	0x00204000, 0x00104000, 0x001021B0, 0x00081080, 0x00080201, 0x0040A160, 0x00700006, 0x30060026, 0x300A0003, 0x300A0002, 0x00189424)

func (c *collector) add(kind byte, s string) {
	if s = strings.TrimSpace(s); s != "" {
		c.facts = append(c.facts, string(kind)+s)
	}
}

func (c *collector) build(k *Key) *identity {
	id := &identity{key: c.key(), words: map[string]bool{}, places: map[string]bool{}, initials: map[string]bool{}, dates: map[string]bool{},
		numbers: map[string]bool{}, sites: map[string]bool{}, shortDates: map[string]bool{}, clean: map[string]string{}}
	id.code = k.PatientCode(id.key)
	id.days = k.shift(id.key, c.pr.Policy.Dates.MinDays, c.pr.Policy.Dates.MaxDays)
	id.birth, _ = dicom.ParseDA(c.birth)
	for _, f := range c.facts {
		switch kind, s := f[0], f[1:]; kind {
		case 'n':
			id.addName(s)
		case 'i':
			id.addValue(s, true)
		case 'v':
			id.addValue(s, false)
		case 's':
			id.addValue(s, false)
			if !c.pr.on[RetainInstitution] {
				id.addSite(s)
			}
		case 'd', 'b':
			if len(s) >= 8 {
				id.dates[s[:8]] = true
				if kind == 'b' || !c.pr.on[RetainFullDates] {
					id.addShortDate(s[:8])
				}
			}
		}
	}
	if !id.birth.IsZero() {
		id.birthYear = id.birth.Format("2006")
	}
	for _, list := range []*[]string{&id.long, &id.names, &id.values, &id.ids, &id.compact, &id.spoken, &id.wide, &id.printable} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	slices.SortStableFunc(id.printable, func(a, b string) int { return len(b) - len(a) })
	id.patterns = newNeedles(id)
	return id
}

func (id *identity) addName(s string) {
	for _, group := range strings.Split(s, "=") {
		parts := strings.Split(group, "^")
		var firsts []byte
		for i, part := range parts {
			if i > 2 && i < 5 { // prefix and suffix
				continue
			}
			for _, variant := range []string{part, umlauts(part)} {
				f := fold(variant).text
				for _, w := range wordsOf(f) {
					id.addWord(w)
					if t := transliterate(w); t != "" {
						id.addWord(t)
					}
				}
			}
			if f := fold(part).text; f != "" && f[0] >= 'a' && f[0] <= 'z' {
				firsts = append(firsts, f[0])
			}
		}
		if len(firsts) >= 2 {
			a, b := string(firsts[:1]), string(firsts[1:min(2, len(firsts))])
			id.initials[a+b], id.initials[b+a] = true, true
			if len(firsts) > 2 {
				c := string(firsts[2:3])
				id.initials[b+c+a], id.initials[a+b+c] = true, true
			}
		}
		if whole := wordsOf(fold(strings.Join(parts[:min(3, len(parts))], " ")).text); len(whole) > 0 {
			id.names = append(id.names, strings.Join(whole, " "))
			id.addCompact(strings.Join(whole, ""))
		}
		id.glued(parts)
		id.print(strings.Join(parts, " "), strings.ReplaceAll(group, "^", ", "), group)
		for _, part := range parts {
			id.print(part)
		}
	}
}

func (id *identity) addCompact(s string) {
	if len(s) >= 6 {
		id.compact = append(id.compact, s)
	}
}

// glued adds a name's parts written as one: smithjohn, johnsmith, jsmith, smithj.
func (id *identity) glued(parts []string) {
	var p [3]string
	for i := range min(3, len(parts)) {
		p[i] = strings.Join(wordsOf(fold(parts[i]).text), "")
	}
	if p[0] == "" || p[1] == "" {
		return
	}
	for _, s := range []string{p[0] + p[1], p[1] + p[0], p[1] + p[2] + p[0], p[0] + p[1] + p[2]} {
		id.addCompact(s)
		if len(s) >= 4 {
			id.words[s] = true
		}
	}
	if r, n := utf8.DecodeRuneInString(p[1]); r < utf8.RuneSelf && len(p[0]) >= 3 {
		id.words[p[1][:n]+p[0]], id.words[p[0]+p[1][:n]] = true, true
		if p[2] != "" && p[2][0] < utf8.RuneSelf {
			id.words[p[1][:n]+p[2][:1]+p[0]], id.words[p[0]+p[1][:n]+p[2][:1]] = true, true
		}
	}
}

func (id *identity) addWord(w string) {
	r, _ := utf8.DecodeRuneInString(w)
	switch {
	case shortTitles[w] || w == "" || modalityWords[w]:
	case wide(r):
		id.wide = append(id.wide, w)
	case utf8.RuneCountInString(w) >= 2:
		id.words[w] = true
		if len(w) >= 6 && !standardWords()[w] && !knownCompound(w) {
			id.long = append(id.long, w)
		}
	}
}

// addValue adds an identifier, or another value that the profile takes out.
func (id *identity) addValue(s string, identifier bool) {
	f := fold(s).text
	words := wordsOf(f)
	if len(words) == 0 {
		return
	}
	c := strings.Join(words, "")
	n := utf8.RuneCountInString(c)
	known := true
	for _, w := range words {
		if digits(w) && len(w) < 5 && len(words) > 1 {
			continue
		}
		if standardWords()[w] || shortTitles[w] || utf8.RuneCountInString(w) < 3 {
			continue
		}
		known = false
		switch {
		case identifier && len(w) >= 3:
			id.words[w] = true
		case !digits(w) || len(w) >= 4:
			id.places[w] = true
		}
	}
	if identifier && n >= 3 && !standardWords()[c] {
		id.ids = append(id.ids, c)
		id.words[c] = true
		for _, run := range strings.FieldsFunc(c, func(r rune) bool { return r < '0' || r > '9' }) {
			if trimmed := strings.TrimLeft(run, "0"); len(trimmed) >= 4 && (len(trimmed) >= 6 || run == c) {
				id.words[trimmed], id.words[run], id.numbers[trimmed] = true, true, true
				id.addCompact(trimmed)
			}
		}
	}
	if len(words) > 1 && n >= 6 || !known && n >= 4 {
		switch {
		case identifier:
			id.values = append(id.values, strings.Join(words, " "))
			if n >= 6 {
				id.compact = append(id.compact, c)
			}
		case n >= 6:
			id.spoken = append(id.spoken, c)
		}
	}
	if identifier || !known {
		id.print(s)
	}
}

func (id *identity) print(list ...string) {
	for _, s := range list {
		if s = strings.TrimSpace(s); utf8.RuneCountInString(s) >= 3 {
			id.printable = append(id.printable, s)
		}
	}
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// identityCache keeps the identities met last.
type identityCache struct {
	mu sync.Mutex
	m  map[string]*identity
}

const maxIdentities = 256

var caches sync.Map // of *Profile and *Key to *identityCache

type cacheKey struct {
	pr *Profile
	k  *Key
}

func (pr *Profile) identities(k *Key) *identityCache {
	if c, ok := caches.Load(cacheKey{pr, k}); ok {
		return c.(*identityCache)
	}
	c, _ := caches.LoadOrStore(cacheKey{pr, k}, &identityCache{m: map[string]*identity{}})
	return c.(*identityCache)
}

func (c *identityCache) get(facts string, build func() *identity) *identity {
	c.mu.Lock()
	id, ok := c.m[facts]
	c.mu.Unlock()
	if ok {
		return id
	}
	id = build()
	c.mu.Lock()
	if len(c.m) >= maxIdentities {
		clear(c.m)
	}
	c.m[facts] = id
	c.mu.Unlock()
	return id
}
