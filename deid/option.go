package deid

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/internal/nearest"
)

// Option is one of the options of PS3.15 annex E, a column of Table E.1-1; Clean Pixel Data has none.
type Option uint8

// The options, in the order of the table's columns.
const (
	RetainSafePrivate Option = iota
	RetainUIDs
	RetainDevice
	RetainInstitution
	RetainPatient
	RetainFullDates
	RetainModifiedDates
	CleanDescriptors
	CleanStructuredContent
	CleanGraphics
	CleanPixelData
	optionCount
)

// optionLetters stand for the options in the generated tables.
const optionLetters = "PUDICFMTSG"

var optionNames = [optionCount]string{"retain_safe_private", "retain_uids", "retain_device", "retain_institution", "retain_patient_characteristics",
	"retain_full_dates", "retain_modified_dates", "clean_descriptors", "clean_structured_content", "clean_graphics", "clean_pixel_data"}

// methodCodes are the De-identification Method codes of CID 7050 (PS3.16), all of scheme DCM.
var methodCodes = [optionCount]struct{ code, meaning string }{
	{"113111", "Retain Safe Private Option"}, {"113110", "Retain UIDs Option"}, {"113109", "Retain Device Identity Option"},
	{"113112", "Retain Institution Identity Option"}, {"113108", "Retain Patient Characteristics Option"},
	{"113106", "Retain Longitudinal Temporal Information Full Dates Option"}, {"113107", "Retain Longitudinal Temporal Information Modified Dates Option"},
	{"113105", "Clean Descriptors Option"}, {"113104", "Clean Structured Content Option"}, {"113103", "Clean Graphics Option"},
	{"113101", "Clean Pixel Data Option"},
}

func (o Option) String() string { return optionNames[o] }

// MarshalText is the option's name in a policy.
func (o Option) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads the option's name in a policy.
func (o *Option) UnmarshalText(b []byte) error {
	i := slices.Index(optionNames[:], string(b))
	if i < 0 {
		return fmt.Errorf("unknown option %q (%s)", b, nearest.Hint(string(b), optionNames[:]))
	}
	*o = Option(i)
	return nil
}

// Action is what happens to an element.
type Action uint8

// The actions, weakest last. The zero value removes.
const (
	Remove   Action = iota // X: the element is gone
	Empty                  // Z: the element stays without a value
	Dummy                  // D: a value that says nothing, of the right VR
	Code                   // the pseudonym of this patient, accession or device
	Clean                  // C: text without what identifies; dates shifted; sequences item by item
	MapUID                 // U: the UID that the key makes of it
	Keep                   // K: as it is; a sequence's items are subject to the profile
	Set                    // the policy's own value
	Withhold               // the whole object goes to quarantine
	actionCount
)

var actionNames = [actionCount]string{"remove", "empty", "dummy", "pseudonym", "clean", "map", "keep", "replace", "quarantine"}

func (a Action) String() string { return actionNames[a] }

// MarshalText is the action's name in a policy.
func (a Action) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads the action's name in a policy.
func (a *Action) UnmarshalText(b []byte) error {
	i := slices.Index(actionNames[:], string(b))
	if i < 0 {
		return fmt.Errorf("unknown action %q (%s)", b, nearest.Hint(string(b), actionNames[:]))
	}
	*a = Action(i)
	return nil
}

// combine is the action of a row under options: the Basic Profile's, unless options in force have one. Where several have one, a retaining option
// does not weaken a cleaning one: full dates over modified dates, otherwise C over K.
func combine(basic, columns string, on [optionCount]bool) (action, by string) {
	action, by = basic, "Basic Profile"
	for i := 0; i+1 < len(columns); i += 2 {
		o := Option(strings.IndexByte(optionLetters, columns[i]))
		if !on[o] {
			continue
		}
		a := columns[i+1 : i+2]
		if by != "Basic Profile" && action == "C" {
			continue
		}
		if o == RetainModifiedDates && on[RetainFullDates] {
			continue
		}
		action, by = a, optionNames[o]
	}
	return action, by
}
