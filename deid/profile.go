package deid

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
)

// Rule is what a policy does to one attribute, and which row of which table says so.
type Rule struct {
	Action Action
	Why    string
	kind   textKind // how text that stays is read
	listed bool     // by a table or the policy, not by VR
}

// Profile is a policy made ready: every attribute's rule can be looked up. It is read by many goroutines at once.
type Profile struct {
	Policy  *Policy
	Digest  string
	on      [optionCount]bool
	rules   map[tag.Tag]Rule // for every attribute that the standard lists
	repeats []maskedRule
	private map[privateKey]Rule
	cleaner *vocabularySet
}

type maskedRule struct {
	tag, mask uint32
	rule      Rule
}

// safeVR are the VRs that Table E.3.10-1 is known to mean, where one is known.
var safeVR = sync.OnceValue(func() map[privateKey]vr.VR {
	m := make(map[privateKey]vr.VR, len(safePrivateTable))
	for _, r := range safePrivateTable {
		if len(r.vr) == 2 {
			m[privateKey{r.creator, r.group, r.low}] = vr.VR(uint16(r.vr[0])<<8 | uint16(r.vr[1]))
		}
	}
	return m
})

type privateKey struct {
	creator string
	group   uint16
	low     uint8
}

// Compile checks p and makes a profile of it.
func (p *Policy) Compile() (*Profile, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	pr := &Profile{Policy: p, Digest: p.Digest(), rules: map[tag.Tag]Rule{}, private: map[privateKey]Rule{}, cleaner: newVocabulary(p.Vocabulary)}
	for _, o := range p.Options {
		pr.on[o] = true
	}
	for i := len(p.Attributes) - 1; i >= 0; i-- {
		r := p.Attributes[i]
		t, mask, _ := parseTag(r.Tag)
		why := fmt.Sprintf("policy %s, attributes.%d", p.Name, i)
		if r.Why != "" {
			why += ": " + r.Why
		}
		if mask == 0xFFFFFFFF {
			pr.rules[t] = Rule{r.Action, why, technical, true}
		} else {
			pr.repeats = append(pr.repeats, maskedRule{uint32(t), mask, Rule{r.Action, why, technical, true}})
		}
	}
	slices.Reverse(pr.repeats)
	for i := range profileTable {
		pr.addRow(&profileTable[i])
	}
	for i := range gaps {
		pr.addRow(&gaps[i])
	}
	if pr.on[RetainSafePrivate] {
		for _, r := range safePrivateTable {
			pr.private[privateKey{r.creator, r.group, r.low}] = Rule{Keep, "PS3.15 Table E.3.10-1 (" + r.meaning + ")", technical, true}
		}
	}
	for i, r := range p.Private {
		g, low, _ := r.place()
		pr.private[privateKey{r.Creator, g, low}] = Rule{r.Action, fmt.Sprintf("policy %s, private.%d", p.Name, i), technical, true}
	}
	return pr, nil
}

func (pr *Profile) addRow(row *profileRow) {
	action, by := combine(row.basic, row.options, pr.on)
	why := "PS3.15 Table E.1-1 (" + Edition + ")"
	if row.source == "gap" {
		why = "not in Table E.1-1, treated as its kin"
	}
	why += ": " + action + " by " + by
	t := tag.Tag(row.tag)
	if row.mask != 0xFFFFFFFF {
		if row.mask == 0x00010000 {
			return // private elements have their own way
		}
		// Overlays, curves: text in a bitmap can't be cleaned, so cleaning them is removing them.
		pr.repeats = append(pr.repeats, maskedRule{row.tag, row.mask, Rule{Action: Remove, Why: why}})
		return
	}
	if _, there := pr.rules[t]; there {
		return // the site's own rule, or the standard's over a gap's
	}
	a := rowAction(t, action)
	if coded[t] != 0 && (a == Empty || a == Dummy) {
		a, why = Code, why+", as a pseudonym"
	}
	kind := freeText
	switch by {
	case RetainDevice.String():
		kind = technical
	case RetainInstitution.String(): // names and addresses of places look like those of people
		kind = place
	}
	pr.rules[t] = Rule{a, why, kind, true}
}

// coded are the attributes whose value becomes a pseudonym where the profile asks for an empty or a dummy one, and what kind.
var coded = map[tag.Tag]codeKind{
	tag.PatientName: codePatient, tag.PatientID: codePatient, tag.ClinicalTrialSubjectID: codePatient,
	tag.AccessionNumber:    codeAccession,
	tag.DeviceSerialNumber: codeDevice, tag.StationName: codeStation,
}

// rowAction is a row's action in letters as what is done. Where a row leaves a choice by the attribute's type in its IOD, a value
// stays as a dummy or empty one, which every type allows; sequences that may be empty are emptied.
func rowAction(t tag.Tag, letters string) Action {
	sq := t.VR() == vr.SQ
	switch letters {
	case "X":
		return Remove
	case "Z", "X/Z":
		if t == tag.ReferencedStudySequence {
			return Remove // never empty where it is
		}
		return Empty
	case "D", "Z/D":
		return Dummy
	case "X/D":
		if sq {
			return Remove
		}
		return Dummy
	case "X/Z/D":
		if t == tag.ReferencedPerformedProcedureStepSequence {
			return Keep // its dummy is a reference to what the key makes of the UIDs
		}
		if sq {
			return Remove
		}
		return Dummy
	case "X/Z/U*":
		return Keep
	case "U":
		return MapUID
	case "K":
		return Keep
	case "C":
		return Clean
	}
	panic("unknown action in the tables: " + letters)
}

// Rule is what happens to the attribute t of the standard, with the VR that the file gives it. Private elements: see [Profile.PrivateRule].
func (pr *Profile) Rule(t tag.Tag, v vr.VR) Rule {
	if r, ok := pr.rules[t]; ok {
		return r
	}
	for i := range pr.repeats {
		if m := &pr.repeats[i]; uint32(t)&m.mask == m.tag {
			return m.rule
		}
	}
	return pr.unlisted(t, v)
}

// PrivateRule is what happens to a private element by its creator.
func (pr *Profile) PrivateRule(creator string, t tag.Tag) Rule {
	if r, ok := pr.private[privateKey{creator, t.Group(), uint8(t)}]; ok {
		return r
	}
	return Rule{Action: Remove, Why: "private, and in no list of safe elements"}
}

const allowList = "not in Table E.1-1; "

// unlisted decides about an attribute of the standard that no table lists.
func (pr *Profile) unlisted(t tag.Tag, v vr.VR) Rule {
	in, known := tag.Lookup(t)
	switch g := t.Group(); {
	case !known || t.IsPrivate():
		return Rule{Action: Remove, Why: "unknown to the standard"}
	case g <= 0x0006 || g == 0x7FE0 && t != tag.PixelData && !pixelElement[t]:
		return Rule{Action: Remove, Why: "does not belong into a data set"}
	case g>>8 == 0x50, g>>8 == 0x60, g>>8 == 0x7F && g != 0x7FE0:
		return Rule{Action: Remove, Why: "overlays, curves and variable pixel data are removed whole"}
	case isClassUID[t]:
		return Rule{Action: Keep, Why: "names a class or a registry, not an instance"}
	}
	if pr.Policy.Unlisted == "remove" && !structural[t] {
		return Rule{Action: Remove, Why: allowList + "unlisted attributes are removed by policy"}
	}
	if !v.Known() || v == vr.UN {
		v = in.VR
	}
	switch v {
	case vr.SQ:
		return Rule{Action: Keep, Why: allowList + "its items are subject to the profile"}
	case vr.PN, vr.AE, vr.UR:
		return Rule{Action: Remove, Why: allowList + "names and addresses are removed"}
	case vr.DA, vr.DT, vr.TM:
		switch {
		case pr.on[RetainFullDates]:
			return Rule{Action: Keep, Why: allowList + "dates are kept by retain_full_dates"}
		case pr.on[RetainModifiedDates]:
			return Rule{Action: Clean, Why: allowList + "dates are shifted by retain_modified_dates"}
		}
		return Rule{Action: Remove, Why: allowList + "dates and times are removed"}
	case vr.UI:
		if pr.on[RetainUIDs] {
			return Rule{Action: Keep, Why: allowList + "UIDs are kept by retain_uids"}
		}
		return Rule{Action: MapUID, Why: allowList + "UIDs of instances are mapped"}
	case vr.OB, vr.OW, vr.UN:
		if safeBinary[t] {
			return Rule{Action: Keep, Why: allowList + "binary data of known form"}
		}
		return Rule{Action: Remove, Why: allowList + "binary data of unknown form"}
	}
	if pr.Policy.Unlisted == "keep" {
		return Rule{Action: Keep, Why: allowList + "kept by policy (deny-list mode)"}
	}
	if v.IsText() {
		return Rule{Action: Clean, Why: allowList + "text is cleaned, codes and numbers are checked"}
	}
	return Rule{Action: Keep, Why: allowList + "numbers"}
}

func tagSet(tags ...tag.Tag) map[tag.Tag]bool {
	m := make(map[tag.Tag]bool, len(tags))
	for _, t := range tags {
		m[t] = true
	}
	return m
}

// isClassUID are attributes whose UIDs name classes of objects, transfer syntaxes or registries: the same for everyone.
var isClassUID = tagSet(0x00080016, 0x0008001A, 0x0008001B, 0x00080062, 0x0008010C, 0x0008010D, 0x00080117, 0x00080118, 0x0008040E, 0x00081150, 0x0008115A,
	0x00083002, 0x00340003, 0x04000010, 0x30100052, 0x30100053)

// pixelElement are the elements of group 7FE0 that carry or index pixels.
var pixelElement = tagSet(tag.PixelData, tag.FloatPixelData, tag.DoubleFloatPixelData, tag.ExtendedOffsetTable, tag.ExtendedOffsetTableLengths, 0x7FE00003)

// safeBinary are attributes of bytes or words that are numbers by definition.
var safeBinary = tagSet(tag.PixelData, tag.FloatPixelData, tag.DoubleFloatPixelData, tag.ExtendedOffsetTable, tag.ExtendedOffsetTableLengths,
	tag.ICCProfile, 0x00281101, 0x00281102, 0x00281103, 0x00281201, 0x00281202, 0x00281203, 0x00281204, 0x00281221, 0x00281222, 0x00281223, 0x00281224, 0x00281211, 0x00281212, 0x00281213,
	0x00281408, 0x00283006, 0x54000110, 0x54000112, 0x5400100A, 0x54001010, 0x00660023, 0x00660024, 0x00660025, 0x00660029, 0x00660103, 0x00701808, 0x00700256, 0x56000020)

// structural attributes are needed to read what is kept at all.
var structural = tagSet(0x00080018, tag.SpecificCharacterSet, tag.SOPClassUID, tag.Modality, tag.SamplesPerPixel, tag.PhotometricInterpretation, tag.PlanarConfiguration, tag.NumberOfFrames,
	tag.Rows, tag.Columns, tag.BitsAllocated, tag.BitsStored, tag.HighBit, tag.PixelRepresentation, tag.PixelData, tag.FloatPixelData, tag.DoubleFloatPixelData,
	tag.ExtendedOffsetTable, tag.ExtendedOffsetTableLengths, tag.PixelSpacing, tag.RescaleSlope, tag.RescaleIntercept, tag.ImageType)

// Methods are the De-identification Method codes (CID 7050) that describe the profile, and their meanings; pixels says whether pixels were cleaned.
func (pr *Profile) Methods(pixels bool) (codes, meanings []string) {
	codes, meanings = []string{"113100"}, []string{"Basic Application Confidentiality Profile"}
	order := []Option{CleanPixelData, CleanGraphics, CleanStructuredContent, CleanDescriptors, RetainFullDates, RetainModifiedDates, RetainPatient, RetainDevice,
		RetainUIDs, RetainSafePrivate, RetainInstitution}
	for _, o := range order {
		if pr.on[o] && (o != CleanPixelData || pixels) {
			codes, meanings = append(codes, methodCodes[o].code), append(meanings, methodCodes[o].meaning)
		}
	}
	return codes, meanings
}

// Options are the names of the options in force.
func (pr *Profile) Options() string {
	var s []string
	for o := range optionCount {
		if pr.on[o] {
			s = append(s, o.String())
		}
	}
	return strings.Join(s, " ")
}
